/// The one place with foreign calls into Zydis, the decoder library (Debian packages libzydis4.0 and libzydis4.1).
/// Only fields that lie at the same offset in 4.0 and 4.1 are read from its structures.
///
/// May use [dev.plumbline.machine] for its errors. Used by [dev.plumbline.x86], which is what others use.
package dev.plumbline.x86.zydis;
