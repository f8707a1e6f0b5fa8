/// Which functions to probe, and the way back from call events to flows: call stacks of tasks rebuilt from stack
/// pointers, context switches and migrations followed, interrupts and exceptions told apart.
///
/// May use [dev.plumbline.machine], [dev.plumbline.x86], [dev.plumbline.kernel], [dev.plumbline.callgraph] and
/// [dev.plumbline.probe].
package dev.plumbline.extraction;
