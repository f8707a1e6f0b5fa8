/// A guest seen as hardware, as small capabilities that a driver offers or does not: [reading][PhysicalMemory]
/// and [writing][MemoryWriter] physical memory, [vCPU registers][Registers], [pausing][Pausing], [code
/// writes][CodeWriter], [breakpoints][Breakpoints]; address types and the page-table walk.
///
/// Knows nothing of any operating system. May use no other package of Plumbline.
package dev.plumbline.machine;
