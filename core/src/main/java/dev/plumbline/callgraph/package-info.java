/// Static analysis of all kernel and module text as it is in memory now: functions, direct calls, tail jumps,
/// indirect call sites, reachability. Immutable once built.
///
/// May use [dev.plumbline.machine], [dev.plumbline.x86] and [dev.plumbline.kernel].
package dev.plumbline.callgraph;
