package dev.plumbline.command;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `plumbline model`: what models hold.
@Command(
        name = "model",
        description = "Shows, compares and merges models of what is normal",
        subcommands = {ModelShowCommand.class, ModelDiffCommand.class, ModelMergeCommand.class})
final class ModelCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "model needs one of: show, diff, merge");
    }
}
