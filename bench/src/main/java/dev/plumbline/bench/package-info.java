/// Measurements: JMH for code, and mains that the scripts in `bench/` run on whole guests. Nothing depends on this.
package dev.plumbline.bench;
