package dev.plumbline.x86.zydis;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.List;

/// The loaded Zydis library. It is loaded once and stays loaded as long as the process lives. Safe for threads.
public final class ZydisLibrary {
    /// The names the library goes by, most wanted first. A name without a slash is looked up as the dynamic linker
    /// does.
    static final List<String> NAMES = List.of(
            "libZydis.so.4.0",
            "libZydis.so.4.1",
            "libZydis.so.4",
            "libZydis.so",
            "/usr/local/lib/libZydis.so.4.0",
            "/usr/local/lib/libZydis.so.4.1");

    private static final int SUPPORTED_MAJOR = 4;
    private static final int NEWEST_SUPPORTED_MINOR = 1;
    private static final String REMEDY = "install the Debian package libzydis4.0 or libzydis4.1";

    private final SymbolLookup symbols;
    private final String version;

    private ZydisLibrary(SymbolLookup symbols, String version) {
        this.symbols = symbols;
        this.version = version;
    }

    /// The library of this host, loaded when first asked for.
    ///
    /// @throws ZydisUnavailableException if no version 4.0 or 4.1 of it can be loaded
    public static ZydisLibrary load() throws ZydisUnavailableException {
        return switch (OfThisHost.LOADING) {
            case Loading.Loaded(var library) -> library;
            case Loading.Failed(var problem) -> throw new ZydisUnavailableException(problem);
        };
    }

    /// The version as `major.minor.patch`.
    public String version() {
        return version;
    }

    static Loading tryNames(List<String> names) {
        for (String name : names) {
            SymbolLookup symbols;
            try {
                symbols = SymbolLookup.libraryLookup(name, Arena.global());
            } catch (IllegalArgumentException notFound) {
                continue;
            }
            return checked(name, symbols);
        }
        return new Loading.Failed("decoder library Zydis not found; " + REMEDY);
    }

    private static Loading checked(String name, SymbolLookup symbols) {
        ZydisLibrary unchecked = new ZydisLibrary(symbols, "unknown");
        try {
            long version = (long) unchecked
                    .function("ZydisGetVersion", FunctionDescriptor.of(JAVA_LONG))
                    .invokeExact();
            return checkedVersion(name, symbols, version);
        } catch (Throwable missing) {
            return new Loading.Failed("library " + name + " is not Zydis 4; " + REMEDY);
        }
    }

    // ZydisGetVersion: major, minor, patch, build, 16 bits each from the top.
    static Loading checkedVersion(String name, SymbolLookup symbols, long version) {
        long major = version >>> 48;
        long minor = version >>> 32 & 0xffff;
        String text = major + "." + minor + "." + (version >>> 16 & 0xffff);
        if (major != SUPPORTED_MAJOR || minor > NEWEST_SUPPORTED_MINOR) {
            return new Loading.Failed("library " + name + " is Zydis " + text + ", not 4.0 or 4.1; " + REMEDY);
        }
        return new Loading.Loaded(new ZydisLibrary(symbols, text));
    }

    MethodHandle decoderInit() {
        return function("ZydisDecoderInit", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
    }

    MethodHandle decoderEnableMode() {
        return function("ZydisDecoderEnableMode", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_BYTE));
    }

    /// Critical: the call takes some 60 ns and touches nothing but its arguments.
    MethodHandle decodeInstruction() {
        return function(
                "ZydisDecoderDecodeInstruction",
                FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS),
                Linker.Option.critical(false));
    }

    MethodHandle decodeFull() {
        return function(
                "ZydisDecoderDecodeFull",
                FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS));
    }

    MethodHandle formatterInit() {
        return function("ZydisFormatterInit", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    }

    MethodHandle formatInstruction() {
        return function(
                "ZydisFormatterFormatInstruction",
                FunctionDescriptor.of(
                        JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_BYTE, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS));
    }

    private MethodHandle function(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        return Linker.nativeLinker().downcallHandle(symbols.findOrThrow(name), descriptor, options);
    }

    /// How loading went.
    sealed interface Loading {
        /// @param library ready for use
        record Loaded(ZydisLibrary library) implements Loading {}

        /// @param problem one line for the user
        record Failed(String problem) implements Loading {}
    }

    private static final class OfThisHost {
        static final Loading LOADING = tryNames(NAMES);
    }
}
