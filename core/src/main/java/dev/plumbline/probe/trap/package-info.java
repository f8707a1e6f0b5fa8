/// Trap probes: breakpoints of the hypervisor, set on demand. [dev.plumbline.probe.trap.TrapEngine] follows tasks
/// ([dev.plumbline.probe.trap.FollowedTask]) from a system call's entry to its return; what a function leads to
/// ([dev.plumbline.probe.trap.Leads]) gets probes when the function runs; what a breakpoint stands at is run by
/// [dev.plumbline.probe.trap.Displaced].
package dev.plumbline.probe.trap;
