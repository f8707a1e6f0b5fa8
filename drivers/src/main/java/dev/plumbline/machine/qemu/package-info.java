/// Guests under QEMU, with any accelerator: found among the processes of this host, commanded over QMP, read and
/// written through the memory of the QEMU process, and through its debug stub where a translating accelerator
/// must notice; stopped at breakpoints through the stub, too.
///
/// May use [dev.plumbline.machine] and [dev.plumbline.machine.proc].
package dev.plumbline.machine.qemu;
