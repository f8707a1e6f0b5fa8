package dev.plumbline.learning;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Optional;
import java.util.Properties;

/// The file of a model: one SQLite database, never changed in place. Each commit writes a new file
/// beside it (`.new`) and has it on the disk before it takes the name, so that whatever happens the
/// name stands for all of the last commit: a kill, a full disk, a crash. What stays beside it then does
/// no harm and goes with the next run. A journal of SQLite's would make the model two files, and a copy
/// of one of them worthless.
///
/// An instance is held by the one run that may write. For one thread at a time.
public final class ModelFile implements AutoCloseable {
    private static final String DRIVER = "jdbc:sqlite:file:";

    private final Path path;
    private final ModelLock lock;

    private ModelFile(Path path, ModelLock lock) {
        this.path = path;
        this.lock = lock;
    }

    /// Reads a model.
    ///
    /// @throws ModelException if the file is no model, of a newer format, or damaged
    /// @throws IOException if it cannot be read
    public static Model read(Path file) throws IOException {
        ModelHeader.verify(file);
        // Nobody writes to it, so no locks are needed, and no journal may be replayed into it.
        try (Connection database = connect(file, "?immutable=1", new Properties())) {
            return new ModelReader(database, file.toString()).read();
        } catch (SQLException e) {
            throw ModelReader.damaged(file.toString(), reason(e), e);
        }
    }

    private static Connection connect(Path file, String query, Properties settings) throws SQLException {
        return DriverManager.getConnection(
                DRIVER + file.toAbsolutePath().toUri().getRawPath() + query, settings);
    }

    private static String reason(SQLException fault) {
        String message = String.valueOf(fault.getMessage());
        return message.lines().findFirst().orElse(message);
    }

    /// Takes hold of a file, which need not exist, to write it.
    ///
    /// @throws ModelException if another run holds it
    /// @throws IOException if nothing can be written there
    public static ModelFile hold(Path file) throws IOException {
        Path directory = file.toAbsolutePath().getParent();
        // A link stays a link: what it leads to is replaced.
        Path path =
                Files.exists(file) ? file.toRealPath() : directory.toRealPath().resolve(file.getFileName());
        if (Files.exists(path) && !Files.isRegularFile(path)) {
            throw new ModelException(file + " is no regular file: name one for the model");
        }
        return new ModelFile(path, ModelLock.take(path));
    }

    /// The model that is there; none if there is no file.
    ///
    /// @throws ModelException as for [#read]
    public Optional<Model> known() throws IOException {
        try {
            return Optional.of(read(path));
        } catch (NoSuchFileException _) {
            return Optional.empty();
        }
    }

    /// Puts a model in the place of what was there. If that fails, what was there is intact.
    ///
    /// @throws ModelException if there is no room, or the disk fails
    /// @throws IOException if the file may not be written
    public void replace(Model model) throws IOException {
        Path next = path.resolveSibling(path.getFileName() + ".new");
        try {
            Files.deleteIfExists(next);
            Files.createFile(next);
            if (Files.exists(path)) {
                Files.setPosixFilePermissions(next, Files.getPosixFilePermissions(path));
            }
            write(next, model.tables());
            sync(next, StandardOpenOption.WRITE);
            Files.move(next, path, StandardCopyOption.ATOMIC_MOVE);
            sync(path.getParent(), StandardOpenOption.READ);
        } catch (SQLException e) {
            Files.deleteIfExists(next);
            throw new ModelException(
                    "cannot write %s: %s; make room or name another file; what was there before is intact"
                            .formatted(path, reason(e)),
                    e);
        }
    }

    private static void write(Path file, ModelTables tables) throws SQLException {
        Properties settings = new Properties();
        // Nobody else sees it until it is complete.
        settings.setProperty("journal_mode", "OFF");
        settings.setProperty("synchronous", "OFF");
        settings.setProperty("locking_mode", "EXCLUSIVE");
        try (Connection database = connect(file, "", settings)) {
            new ModelWriter(database, tables).write();
        }
    }

    private static void sync(Path file, StandardOpenOption option) throws IOException {
        try (FileChannel channel = FileChannel.open(file, option)) {
            channel.force(true);
        }
    }

    /// Lets go of the file.
    @Override
    public void close() throws IOException {
        lock.close();
    }
}
