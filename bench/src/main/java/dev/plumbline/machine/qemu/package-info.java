/// What measurements need of this package and nobody else may.
package dev.plumbline.machine.qemu;
