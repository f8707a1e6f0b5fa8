/// Guests that are no more than a file: ELF core dumps as QEMU writes them.
///
/// May use [dev.plumbline.machine] only.
package dev.plumbline.machine.dump;
