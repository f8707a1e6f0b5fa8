/// Notices what departs from a model or from the code as built: comparison of what runs, code integrity, alerts with
/// evidence.
///
/// May use all packages above it: [dev.plumbline.machine], [dev.plumbline.x86], [dev.plumbline.kernel],
/// [dev.plumbline.callgraph], [dev.plumbline.probe], [dev.plumbline.extraction] and [dev.plumbline.learning].
package dev.plumbline.monitoring;
