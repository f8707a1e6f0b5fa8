/// Real guests under QEMU for tests, the demo and benchmarks: kernels from Debian's packages, a user space of
/// busybox and small workloads, and a channel that runs shell commands inside. [TestGuest] is one guest,
/// [Testbed] the place where they are kept.
///
/// May use `dev.plumbline.machine` for its exceptions and nothing else of Plumbline.
package dev.plumbline.testbed;
