package dev.plumbline;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.plumbline.machine.GuestException;
import dev.plumbline.machine.VcpuState;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The arrows between packages: each uses only those before it in one line.
@Timeout(60)
class ArchitectureTest {
    private static final String ROOT = "dev.plumbline.";
    private static final String JDK = "java..";

    /// Each may use those before it. Drivers stand aside: they know the machine only, and only commands know them.
    private static final List<String> LINE = List.of(
            "machine",
            "x86",
            "kernel",
            "callgraph",
            "probe",
            "extraction",
            "learning",
            "monitoring",
            "report",
            "command");

    private static final List<String> DRIVERS = List.of("machine.qemu", "machine.dump", "machine.proc", "machine.xen");
    private static final String TESTBED = "testbed";

    /// Engines use what probes may; which one runs is chosen by a command, and nothing else knows.
    private static final List<String> ENGINES = List.of("probe.inline", "probe.trap");

    /// What a package uses beside this project and the JDK.
    private static final String JSON = "com.fasterxml.jackson..";

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> !location.contains("-tests.jar"))
            .importPackages("dev.plumbline");

    @Test
    void everyPackageHasItsPlace() {
        List<String> packages = CLASSES.stream()
                .map(type -> type.getPackageName().substring(ROOT.length()))
                .distinct()
                .toList();
        assertThat(packages)
                .contains("machine", "machine.qemu", "kernel", "x86.zydis", "callgraph", "report", "command")
                .allMatch(name -> LINE.contains(name)
                        || DRIVERS.contains(name)
                        || ENGINES.contains(name)
                        || name.equals(TESTBED)
                        || name.equals("x86.zydis"));
    }

    @Test
    void enginesUseWhatProbesMay() {
        List<String> allowed = LINE.subList(0, LINE.indexOf("probe") + 1);
        for (String engine : ENGINES) {
            classes()
                    .that()
                    .resideInAPackage(ROOT + engine)
                    .should()
                    .onlyDependOnClassesThat(resideInAnyPackage(Stream.concat(
                                    Stream.of(ROOT + engine, JDK),
                                    allowed.stream().map(name -> ROOT + name))
                            .toArray(String[]::new)))
                    .check(CLASSES);
            classes()
                    .that()
                    .resideInAPackage(ROOT + engine)
                    .should()
                    .onlyHaveDependentClassesThat(resideInAnyPackage(ROOT + engine, ROOT + "command"))
                    .check(CLASSES);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "machine",
                "x86",
                "kernel",
                "callgraph",
                "probe",
                "extraction",
                "learning",
                "monitoring",
                "report"
            })
    void packageUsesOnlyThoseBeforeIt(String name) {
        List<String> allowed = new ArrayList<>(LINE.subList(0, LINE.indexOf(name) + 1).stream()
                .map(earlier -> ROOT + earlier)
                .toList());
        allowed.add(ROOT + "x86.zydis");
        allowed.add(JDK);
        if (name.equals("report")) {
            allowed.add(JSON);
        }
        if (LINE.indexOf(name) < LINE.indexOf("x86")) {
            allowed.remove(ROOT + "x86.zydis");
        }
        classes()
                .that()
                .resideInAPackage(ROOT + name)
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(allowed.toArray(String[]::new)))
                .check(CLASSES);
    }

    @Test
    void foreignCallsKnowNothingButDecoding() {
        classes()
                .that()
                .resideInAPackage(ROOT + "x86.zydis")
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(ROOT + "x86..", ROOT + "machine", JDK))
                .check(CLASSES);
    }

    // Running an instruction takes a vCPU's state, and memory that may refuse; neither is a way to a guest.
    @Test
    void decodingTakesBytesAndKnowsNoGuest() {
        noClasses()
                .that(resideInAPackage(ROOT + "x86"))
                .should()
                .dependOnClassesThat(resideInAnyPackage(ROOT + "machine..", ROOT + "kernel..")
                        .and(not(belongToAnyOf(VcpuState.class, GuestException.class))))
                .check(CLASSES);
    }

    @Test
    void driversKnowNothingButTheMachine() {
        classes()
                .that(resideInAnyPackage(DRIVERS.stream().map(ROOT::concat).toArray(String[]::new)))
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(ROOT + "machine..", JDK, JSON))
                .check(CLASSES);
        noClasses()
                .that(resideInAPackage(ROOT + "machine.dump"))
                .should()
                .dependOnClassesThat(resideInAPackage(ROOT + "machine.qemu"))
                .check(CLASSES);
        noClasses()
                .that(resideInAPackage(ROOT + "machine.qemu"))
                .should()
                .dependOnClassesThat(resideInAPackage(ROOT + "machine.dump"))
                .check(CLASSES);
    }

    @Test
    void testbedKnowsNothingButTheMachine() {
        classes()
                .that(resideInAPackage(ROOT + TESTBED))
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(ROOT + "machine", ROOT + TESTBED, JDK))
                .check(CLASSES);
    }

    @Test
    void onlyCommandsNameDriversAndTheTestbed() {
        noClasses()
                .that(resideInAnyPackage(
                        ROOT + "machine", ROOT + "x86..", ROOT + "kernel", ROOT + "callgraph", ROOT + "report"))
                .should()
                .dependOnClassesThat(resideInAnyPackage(Stream.concat(DRIVERS.stream(), Stream.of(TESTBED))
                        .map(ROOT::concat)
                        .toArray(String[]::new)))
                .check(CLASSES);
    }

    @Test
    void foreignFunctionsAreCalledInOnePackagePerLibrary() {
        noClasses()
                .that()
                .resideOutsideOfPackages(ROOT + "x86.zydis", ROOT + "machine.xen")
                .should()
                .dependOnClassesThat()
                .belongToAnyOf(Linker.class, SymbolLookup.class)
                .check(CLASSES);
    }

    @Test
    void onlyCommandsWriteToTheTerminalAndEndTheProcess() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + "command")
                .should()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .orShould()
                .callMethod(Throwable.class, "printStackTrace")
                .check(CLASSES);
    }

    @Test
    void oldLoggingAndUnsafeMemoryAreNotUsed() {
        noClasses()
                .should()
                .dependOnClassesThat(resideInAnyPackage("java.util.logging..", "sun..", "jdk.internal.."))
                .check(CLASSES);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching("dev.plumbline.(**)").should().beFreeOfCycles().check(CLASSES);
    }
}
