/// Another process of this host as Linux shows it under /proc: its memory, what it has mapped, and which process
/// serves a unix-domain socket.
///
/// May use [dev.plumbline.machine] only.
package dev.plumbline.machine.proc;
