package dev.plumbline.testbed;

import dev.plumbline.machine.GuestException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// The test guests of one user. Several threads and processes may use it at once.
public final class Testbed {
    private static final Duration BOOT_LIMIT = Duration.ofMinutes(2);

    private final Path directory;
    private final CacheDirectory cache;

    Testbed(Path directory, CacheDirectory cache) {
        this.directory = directory;
        this.cache = cache;
    }

    /// The testbed of the user who runs this process.
    ///
    /// @throws GuestException if the user's directories cannot be told
    public static Testbed ofUser() throws GuestException {
        return new Testbed(RuntimeDirectory.ofUser(), CacheDirectory.ofUser());
    }

    /// Boots a guest, which stays until [#down], and waits until commands can be run in it.
    ///
    /// @param name 1 to 32 letters, digits, `-`, `_` or `.`
    /// @throws GuestException if there is such a guest already, or if it does not boot; then nothing is left of it
    public TestGuest up(String name, GuestOptions options) throws GuestException {
        TestGuest guest = boot(name, options);
        guest.release();
        return guest;
    }

    /// Boots a guest that is taken down when the result is closed, and at the latest when this JVM ends.
    ///
    /// @throws GuestException as in [#up]
    TestGuest boot(String name, GuestOptions options) throws GuestException {
        HostPackages.check();
        KernelStore.Kernel kernel = new KernelStore(cache).kernel(options.kernel());
        BootImages images = BootImages.linux(kernel, new Initramfs(cache).archive(kernel));
        return boot(name, List.of(QemuCommandLine.PROGRAM), images, options, guestDirectory -> {});
    }

    /// Puts into a guest's directory what its QEMU needs there.
    @FunctionalInterface
    interface Preparation {
        void prepare(Path directory) throws IOException;
    }

    /// Boots what the images hold.
    ///
    /// @param qemu how QEMU itself is named, with options that go before all others
    /// @throws GuestException as in [#up]
    TestGuest boot(String name, List<String> qemu, BootImages images, GuestOptions options, Preparation preparation)
            throws GuestException {
        GuestDirectory guest = GuestDirectory.of(directory, name);
        TestGuest booting = new TestGuest(guest, claim(guest));
        try {
            guest.writeOptions(options);
            preparation.prepare(guest.path());
            QemuProcess.start(QemuCommandLine.of(qemu, guest, images, options));
            booting.awaitBoot(BOOT_LIMIT);
            return booting;
        } catch (IOException e) {
            GuestException failure = e instanceof GuestException known
                    ? known
                    : new GuestException("cannot boot guest " + name + ": " + e, e);
            closeAfter(failure, booting);
            throw failure;
        }
    }

    private ParentWatch claim(GuestDirectory guest) throws GuestException {
        RuntimeDirectory.create(directory);
        try {
            Files.createDirectory(
                    guest.path(), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (FileAlreadyExistsException e) {
            throw new GuestException("there is a guest %s already; plumbline testbed down %s removes it"
                    .formatted(guest.name(), guest.name()));
        } catch (IOException e) {
            throw new GuestException("cannot make the directory " + guest.path() + ": " + e, e);
        }
        try {
            return ParentWatch.start(guest);
        } catch (GuestException e) {
            remove(guest);
            throw e;
        }
    }

    CacheDirectory cache() {
        return cache;
    }

    /// Where a guest of that name keeps what it has.
    Path directoryOf(String name) throws GuestException {
        return GuestDirectory.of(directory, name).path();
    }

    private static void closeAfter(GuestException reason, TestGuest guest) {
        try {
            guest.close();
        } catch (GuestException e) {
            reason.addSuppressed(e);
        }
    }

    static void remove(GuestDirectory guest) throws GuestException {
        Optional<QemuProcess> qemu = QemuProcess.of(guest);
        if (qemu.isPresent()) {
            qemu.get().end();
        }
        try {
            FileTree.delete(guest.path());
        } catch (IOException e) {
            throw new GuestException("cannot remove " + guest.path() + ": " + e, e);
        }
    }

    /// Ends a guest and removes all it has on this host; one that has died is removed likewise.
    ///
    /// @throws GuestException if there is no such guest, or its process survives
    public void down(String name) throws GuestException {
        remove(existing(name));
    }

    /// A guest that was booted before, running or not.
    ///
    /// @throws GuestException if there is no such guest
    public TestGuest guest(String name) throws GuestException {
        return new TestGuest(existing(name));
    }

    private GuestDirectory existing(String name) throws GuestException {
        GuestDirectory guest = GuestDirectory.of(directory, name);
        if (!Files.isDirectory(guest.path())) {
            throw new GuestException("there is no guest " + name + "; plumbline testbed list shows those there are");
        }
        return guest;
    }

    /// All guests, running or not, by name.
    ///
    /// @throws GuestException if the directory of the guests cannot be read
    public List<GuestStatus> list() throws GuestException {
        List<GuestStatus> guests = new ArrayList<>();
        if (!Files.isDirectory(directory)) {
            return guests;
        }
        try (Stream<Path> paths = Files.list(directory)) {
            for (Path path : paths.filter(Files::isDirectory).sorted().toList()) {
                guests.add(GuestStatus.of(new GuestDirectory(path)));
            }
            return guests;
        } catch (GuestException e) {
            throw e;
        } catch (IOException e) {
            throw new GuestException("cannot list the guests in " + directory + ": " + e, e);
        }
    }
}
