/// Probes: monitoring points injected into guest code at chosen sites, and the call events they report. Engines
/// stand behind one interface; every changed byte is in a journal on disk before it changes.
///
/// May use [dev.plumbline.machine], [dev.plumbline.x86], [dev.plumbline.kernel] and [dev.plumbline.callgraph].
package dev.plumbline.probe;
