/// What measurements need of this package and nobody else may.
package dev.plumbline.probe.inline;
