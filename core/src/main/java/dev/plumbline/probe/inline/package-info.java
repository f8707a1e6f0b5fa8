/// Inline probes: the NOP at a function's entry becomes a call to a recorder of ours in the unused part of kernel text,
/// which appends call events to per-CPU rings in guest memory. Needs pausing, registers, and reading and writing
/// memory; no
/// exit to the hypervisor happens for an event.
package dev.plumbline.probe.inline;
