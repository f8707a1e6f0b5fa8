/// Guests that are domains of the Xen on this host, reached from dom0 or another privileged domain: `xen:NAME`.
///
/// Source of calls and layouts: Xen's public headers (xen/include/public) and those of its libraries (tools/include).
package dev.plumbline.machine.xen;
