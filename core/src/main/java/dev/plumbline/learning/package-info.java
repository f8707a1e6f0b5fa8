/// What is normal: three methods of learning, sets of functions, edges of calls and paths of calls,
/// each kept for every system call and for what runs beside them, with an estimate of what is still
/// unseen; and the model's file.
///
/// Names are those of [dev.plumbline.extraction.FlowNames]: a model of one boot fits every boot of the
/// same build.
///
/// May use [dev.plumbline.machine], [dev.plumbline.kernel], [dev.plumbline.callgraph] and
/// [dev.plumbline.extraction]; sees flows and names only.
package dev.plumbline.learning;
