package dev.plumbline.machine.xen;

/// A domain of this host, other than the one that commands it.
///
/// @param name as XenStore has it; its number where it has none
/// @param id its number
/// @param state what it does, or why it cannot be attached, in one line
/// @param isAttachable whether it can be attached
public record XenVm(String name, int id, String state, boolean isAttachable) {}
