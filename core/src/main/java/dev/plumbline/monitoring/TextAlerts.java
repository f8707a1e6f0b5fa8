package dev.plumbline.monitoring;

import dev.plumbline.callgraph.CallGraph;
import dev.plumbline.callgraph.Function;
import dev.plumbline.machine.GuestException;
import dev.plumbline.x86.DirectBranch;
import dev.plumbline.x86.Disassembler;
import dev.plumbline.x86.InstructionFlow;
import dev.plumbline.x86.PatchShape;
import dev.plumbline.x86.zydis.ZydisUnavailableException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/// Says what was done to code: names, bytes, and the instructions they are.
final class TextAlerts {
    private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

    private static final String THUNK = "__x86_indirect_thunk_r";

    private final KernelPlaces places;
    private final Disassembler disassembler = new Disassembler();

    TextAlerts(KernelPlaces places) throws ZydisUnavailableException {
        this.places = places;
    }

    /// An alert about whole instructions.
    ///
    /// @param change begins with an instruction of what is expected
    Alert alert(TextChange change) throws GuestException {
        Optional<String> called = called(change);
        String around = around(change.address());
        String title = called.isPresent()
                ? "the call of %s in %s was changed".formatted(called.get(), around)
                : "code of %s was changed".formatted(around);
        return new Alert(
                Severity.CRITICAL,
                Detector.INTEGRITY,
                title,
                called.orElse(around),
                Optional.empty(),
                Optional.empty(),
                List.of(),
                List.of(new Evidence(
                        "code at " + places.name(change.address()),
                        text(change.address(), change.expected()),
                        text(change.address(), change.found()))));
    }

    /// An alert about code of Plumbline's own.
    Alert ofOurs(TextChange change) throws GuestException {
        return new Alert(
                Severity.CRITICAL,
                Detector.INTEGRITY,
                "the recorder's code was changed",
                "the recorder",
                Optional.empty(),
                Optional.empty(),
                List.of(),
                List.of(new Evidence(
                        "code of Plumbline's own at 0x%x".formatted(change.address()),
                        text(change.address(), change.expected()),
                        text(change.address(), change.found()))));
    }

    /// The address of the instruction that a byte of code belongs to.
    ///
    /// @param code all of the function
    /// @param start where it begins
    long instructionAt(byte[] code, long start, long address) {
        for (Disassembler.Line line : disassembler.disassemble(code, start)) {
            if (line.address() + line.lengthBytes() > address) {
                return line.address();
            }
        }
        return address;
    }

    /// How long the instructions are that begin with `code` and reach over its first `atLeast` bytes.
    int wholeBytes(byte[] code, int atLeast) {
        int whole = 0;
        for (Disassembler.Line line : disassembler.disassemble(code, 0)) {
            if (whole >= atLeast) {
                break;
            }
            whole += line.lengthBytes();
        }
        return Math.max(whole, atLeast);
    }

    private String around(long address) throws GuestException {
        CallGraph graph = places.graph();
        int known = graph.functionAt(address);
        if (known == CallGraph.NONE) {
            return places.name(address);
        }
        Function function = graph.function(known);
        // The first thunk bears the name of all of them, too.
        String name = KernelPlaces.plain(graph.names(known).stream()
                .filter(each -> each.startsWith(THUNK))
                .findFirst()
                .orElse(function.name()));
        return function.owner() == null ? name : name + " [" + KernelPlaces.plain(function.owner()) + "]";
    }

    // The function that was called, where it is only another now.
    private Optional<String> called(TextChange change) throws GuestException {
        byte[] expected = change.expected();
        PatchShape shape = PatchShape.of(expected, 0, expected.length);
        boolean isCall = shape == PatchShape.CALL || shape == PatchShape.JUMP;
        return isCall && PatchShape.of(change.found(), 0, change.found().length) == shape
                ? places.function(LegalPatching.target(change.address(), expected))
                : Optional.empty();
    }

    private String text(long address, byte[] code) throws GuestException {
        List<String> lines = new ArrayList<>();
        for (Disassembler.Line line : disassembler.disassemble(code, address)) {
            int at = (int) (line.address() - address);
            String bytes = HEX.formatHex(code, at, at + line.lengthBytes());
            lines.add(bytes + " " + line.text() + target(line, Arrays.copyOfRange(code, at, at + line.lengthBytes())));
        }
        return String.join("; ", lines);
    }

    private String target(Disassembler.Line line, byte[] code) throws GuestException {
        boolean isBranch = line.flow() == InstructionFlow.CALL
                || line.flow() == InstructionFlow.JUMP
                || line.flow() == InstructionFlow.CONDITIONAL_JUMP;
        return isBranch ? " <" + places.name(DirectBranch.target(code, 0, code.length, line.address())) + ">" : "";
    }
}
