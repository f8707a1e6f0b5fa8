/// The command line: one class per command. Results go to standard output, progress to standard error.
package dev.plumbline.command;
