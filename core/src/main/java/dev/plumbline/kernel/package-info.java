/// A guest seen as a Linux kernel, read from its own memory: KASLR slide, banner and build id, kallsyms, BTF types,
/// per-CPU data, tasks, modules, system calls, ftrace records and the other places the kernel patches by itself.
/// No profile files and no version tables: what is in memory decides.
///
/// May use [dev.plumbline.machine] and [dev.plumbline.x86].
package dev.plumbline.kernel;
