package dev.plumbline.machine.xen;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.plumbline.machine.GuestException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Collections;

/// A function of Xen's libraries, or of the C library, that takes integers and addresses and answers one. Safe for
/// threads.
///
/// All are called through one method handle: the JVM needs longer to make one, for each list of types, than a short
/// command runs. System V's convention allows it: each argument is in 64 bits of its own, of which a function uses as
/// many as its type has, and it does not see those it does not take.
final class NativeFunction {
    private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");
    private static final MemoryLayout STATE = Linker.Option.captureStateLayout();
    private static final long ERRNO = STATE.byteOffset(MemoryLayout.PathElement.groupElement("errno"));
    private static final int MOST_ARGUMENTS = 8;
    private static final MethodHandle CALL = Linker.nativeLinker()
            .downcallHandle(
                    FunctionDescriptor.of(
                            JAVA_LONG,
                            Collections.nCopies(MOST_ARGUMENTS, JAVA_LONG).toArray(MemoryLayout[]::new)),
                    CAPTURE);

    private final MemorySegment address;

    private NativeFunction(MemorySegment address) {
        this.address = address;
    }

    /// Loads a library, for good.
    ///
    /// @param name its file's
    /// @param debianPackage where it is to be had, for the message
    /// @throws GuestException if it is not installed
    static SymbolLookup library(String name, String debianPackage) throws GuestException {
        try {
            return SymbolLookup.libraryLookup(name, Arena.global());
        } catch (IllegalArgumentException e) {
            throw new GuestException(
                    "Xen's library " + name + " cannot be loaded: install the one that belongs to this Xen (Debian's"
                            + " package " + debianPackage + ")",
                    e);
        }
    }

    /// @throws java.util.NoSuchElementException if the library has no such function
    static NativeFunction of(SymbolLookup library, String name) {
        return new NativeFunction(library.findOrThrow(name));
    }

    /// Room for the error number of a call.
    static MemorySegment allocateError(Arena arena) {
        return arena.allocate(STATE);
    }

    /// The error number of the last call that has failed.
    static int errno(MemorySegment error) {
        return error.get(JAVA_INT, ERRNO);
    }

    /// Calls it. Addresses among the arguments must be valid until it is back.
    ///
    /// @param error from [#allocateError]
    /// @param arguments 0 to 8
    /// @return the lower half where the function answers an `int`: the upper half is anything
    long call(MemorySegment error, long... arguments) {
        long[] all = new long[MOST_ARGUMENTS];
        System.arraycopy(arguments, 0, all, 0, arguments.length);
        try {
            return (long)
                    CALL.invokeExact(address, error, all[0], all[1], all[2], all[3], all[4], all[5], all[6], all[7]);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("a call of a native function", e);
        }
    }

    /// Calls a function that answers an `int`.
    int number(MemorySegment error, long... arguments) {
        return (int) call(error, arguments);
    }
}
