package dev.plumbline.learning;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/// How a model lies in an SQLite file: tables of contexts, modules, names and items, numbered from 0 without
/// gaps, and one row of what there is once.
///
/// `only_in` is a number of the flow that was the only one to show an item, the same for all such items
/// of one flow; of other items it is null. `parent` is null for the outermost functions of a context.
final class ModelSchema {
    /// "PLMB"; in the header of the file, where `file` finds it.
    static final int APPLICATION_ID = 0x504c_4d42;
    /// In the header as well; another number means that older readers would misread the file.
    static final int FORMAT = 2;

    static final List<String> CREATE = List.of(
            "PRAGMA application_id = " + APPLICATION_ID,
            "PRAGMA user_version = " + FORMAT,
            "CREATE TABLE model (build_id TEXT, banner TEXT, calls INTEGER, lost_events INTEGER,"
                    + " flows_left_out INTEGER, unknown_calls INTEGER, crowded_calls INTEGER, digest TEXT)",
            "CREATE TABLE context (id INTEGER PRIMARY KEY, kind TEXT, name TEXT, flows INTEGER,"
                    + " crowded_set INTEGER, crowded_edge INTEGER, crowded_path INTEGER)",
            "CREATE TABLE module (id INTEGER PRIMARY KEY, name TEXT)",
            "CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT)",
            "CREATE TABLE function (id INTEGER PRIMARY KEY, context INTEGER, function INTEGER,"
                    + " calls INTEGER, flows INTEGER, only_in INTEGER)",
            "CREATE TABLE edge (id INTEGER PRIMARY KEY, context INTEGER, function INTEGER,"
                    + " calls INTEGER, flows INTEGER, only_in INTEGER, site INTEGER, ways INTEGER)",
            "CREATE TABLE path (id INTEGER PRIMARY KEY, context INTEGER, function INTEGER,"
                    + " calls INTEGER, flows INTEGER, only_in INTEGER, parent INTEGER)");

    static final String SELECT_MODEL = "SELECT build_id, banner, calls, lost_events, flows_left_out,"
            + " unknown_calls, crowded_calls, digest FROM model";
    static final String INSERT_MODEL = "INSERT INTO model VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    static final String SELECT_CONTEXTS =
            "SELECT id, kind, name, flows, crowded_set, crowded_edge, crowded_path FROM context ORDER BY id";
    static final String INSERT_CONTEXT = "INSERT INTO context VALUES (?, ?, ?, ?, ?, ?, ?)";
    static final String SELECT_MODULES = "SELECT id, name FROM module ORDER BY id";
    static final String INSERT_MODULE = "INSERT INTO module VALUES (?, ?)";
    static final String SELECT_NAMES = "SELECT id, text FROM name ORDER BY id";
    static final String INSERT_NAME = "INSERT INTO name VALUES (?, ?)";

    /// What the columns of an item's row are for.
    static final int ID = 1;
    static final int CONTEXT = 2;
    static final int FUNCTION = 3;
    static final int CALLS = 4;
    static final int FLOWS = 5;
    static final int ONLY_IN = 6;
    /// An edge's place, or a path's parent.
    static final int FROM = 7;
    static final int WAYS = 8;

    private ModelSchema() {}

    static String select(Method method) {
        String columns = "SELECT id, context, function, calls, flows, only_in";
        return switch (method) {
            case SET -> columns + " FROM function ORDER BY id";
            case EDGE -> columns + ", site, ways FROM edge ORDER BY id";
            case PATH -> columns + ", parent FROM path ORDER BY id";
        };
    }

    static String insert(Method method) {
        return switch (method) {
            case SET -> "INSERT INTO function VALUES (?, ?, ?, ?, ?, ?)";
            case EDGE -> "INSERT INTO edge VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
            case PATH -> "INSERT INTO path VALUES (?, ?, ?, ?, ?, ?, ?)";
        };
    }

    /// SHA-256 of all that is in a model, in the order of the tables: no damage passes for a model.
    static final class Digest {
        private final MessageDigest digest;
        private final ByteBuffer buffer = ByteBuffer.allocate(1 << 16);

        Digest() {
            try {
                digest = MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every JDK has SHA-256", e);
            }
        }

        Digest number(long number) {
            if (buffer.remaining() < Long.BYTES) {
                flush();
            }
            buffer.putLong(number);
            return this;
        }

        Digest text(String text) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            number(bytes.length);
            flush();
            digest.update(bytes);
            return this;
        }

        private void flush() {
            digest.update(buffer.flip());
            buffer.clear();
        }

        String hex() {
            flush();
            return HexFormat.of().formatHex(digest.digest());
        }
    }
}
