package dev.plumbline.learning;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.List;

/// Writes a model into an empty database, all of it in one transaction.
final class ModelWriter {
    private static final int BATCH = 1 << 12;

    private final Connection database;
    private final ModelTables tables;
    private final ModelSchema.Digest digest = new ModelSchema.Digest();

    ModelWriter(Connection database, ModelTables tables) {
        this.database = database;
        this.tables = tables;
    }

    void write() throws SQLException {
        try (Statement statement = database.createStatement()) {
            for (String sql : ModelSchema.CREATE) {
                statement.executeUpdate(sql);
            }
        }
        database.setAutoCommit(false);
        digest.text(tables.buildId).text(tables.banner).number(tables.calls);
        Losses losses = tables.losses;
        digest.number(losses.events()).number(losses.flows());
        digest.number(losses.unknownCalls()).number(losses.noRoom());
        writeContexts();
        writeTexts(ModelSchema.INSERT_MODULE, List.copyOf(tables.modules));
        writeTexts(ModelSchema.INSERT_NAME, tables.names.all());
        for (Method method : Method.values()) {
            writeItems(method);
        }
        writeModel();
        database.commit();
    }

    private void writeModel() throws SQLException {
        try (PreparedStatement insert = database.prepareStatement(ModelSchema.INSERT_MODEL)) {
            insert.setString(1, tables.buildId);
            insert.setString(2, tables.banner);
            insert.setLong(3, tables.calls);
            insert.setLong(4, tables.losses.events());
            insert.setLong(5, tables.losses.flows());
            insert.setLong(6, tables.losses.unknownCalls());
            insert.setLong(7, tables.losses.noRoom());
            insert.setString(8, digest.hex());
            insert.executeUpdate();
        }
    }

    private void writeContexts() throws SQLException {
        try (PreparedStatement insert = database.prepareStatement(ModelSchema.INSERT_CONTEXT)) {
            for (int number = 0; number < tables.contexts.size(); number++) {
                Context context = tables.contexts.get(number);
                insert.setInt(1, number);
                insert.setString(2, context.kind().name());
                insert.setString(3, context.name());
                insert.setLong(4, tables.flows[number]);
                digest.number(number).text(context.kind().name()).text(context.name());
                digest.number(tables.flows[number]);
                for (int method = 0; method < Method.COUNT; method++) {
                    long crowded = tables.crowded[number * Method.COUNT + method];
                    insert.setLong(5 + method, crowded);
                    digest.number(crowded);
                }
                insert.addBatch();
            }
            insert.executeBatch();
        }
    }

    private void writeTexts(String sql, List<String> texts) throws SQLException {
        try (PreparedStatement insert = database.prepareStatement(sql)) {
            for (int number = 0; number < texts.size(); number++) {
                insert.setInt(1, number);
                insert.setString(2, texts.get(number));
                digest.number(number).text(texts.get(number));
                add(insert, number);
            }
            insert.executeBatch();
        }
    }

    private void writeItems(Method method) throws SQLException {
        ItemTable items = tables.items(method);
        try (PreparedStatement insert = database.prepareStatement(ModelSchema.insert(method))) {
            for (int item = 0; item < items.count(); item++) {
                long key = items.keys[item];
                set(insert, ModelSchema.ID, item);
                set(insert, ModelSchema.CONTEXT, items.contexts[item]);
                set(insert, ModelSchema.FUNCTION, ModelTables.functionOf(key));
                set(insert, ModelSchema.CALLS, items.calls[item]);
                set(insert, ModelSchema.FLOWS, items.flows[item]);
                setOrNull(insert, ModelSchema.ONLY_IN, items.flows[item] == 1 ? items.shownBy[item] : -1);
                if (method == Method.EDGE) {
                    set(insert, ModelSchema.FROM, ModelTables.siteOf(key));
                    set(insert, ModelSchema.WAYS, items.ways[item]);
                } else if (method == Method.PATH) {
                    int parent = ModelTables.parentOf(key) - ModelTables.FIRST_NODE;
                    setOrNull(insert, ModelSchema.FROM, Math.max(-1, parent));
                }
                add(insert, item);
            }
            insert.executeBatch();
        }
    }

    private void set(PreparedStatement insert, int column, long value) throws SQLException {
        insert.setLong(column, value);
        digest.number(value);
    }

    private void setOrNull(PreparedStatement insert, int column, long value) throws SQLException {
        if (value < 0) {
            insert.setNull(column, Types.INTEGER);
        } else {
            insert.setLong(column, value);
        }
        digest.number(value);
    }

    private static void add(PreparedStatement insert, int row) throws SQLException {
        insert.addBatch();
        if (row % BATCH == BATCH - 1) {
            insert.executeBatch();
        }
    }
}
