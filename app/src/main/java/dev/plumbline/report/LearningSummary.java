package dev.plumbline.report;

import dev.plumbline.learning.Learner;
import dev.plumbline.learning.Losses;
import dev.plumbline.learning.Method;
import dev.plumbline.learning.Model;
import dev.plumbline.learning.Unseen;
import java.io.PrintWriter;
import java.util.Map;

/// What a run of learning amounted to.
///
/// @param model the model at its end
/// @param before how far the model was when it began
/// @param after how far it is now
/// @param events call events seen in this run
/// @param dropped call events lost in this run, exactly
/// @param seconds how long it was
public record LearningSummary(
        Model model, Learner.Progress before, Learner.Progress after, long events, long dropped, double seconds) {

    /// How far learning has come, in a line.
    public static String line(Learner.Progress now, long events, long dropped) {
        return "%s calls %s events%s: %,d functions %,d edges %,d paths, unseen %s %s %s"
                .formatted(
                        brief(now.systemCalls()),
                        brief(events),
                        dropped == 0 ? "" : " (%s lost)".formatted(brief(dropped)),
                        now.functions(),
                        now.edges(),
                        now.paths(),
                        percent(now.unseen().set()),
                        percent(now.unseen().edge()),
                        percent(now.unseen().path()));
    }

    private static String brief(long number) {
        if (number < 10_000) {
            return Long.toString(number);
        }
        return number < 10_000_000 ? number / 1000 + "k" : number / 1_000_000 + "M";
    }

    /// A probability for people.
    static String percent(double probability) {
        return probability < 0.0995 ? "%.2g%%".formatted(probability * 100) : "%.0f%%".formatted(probability * 100);
    }

    /// As text for people.
    public void print(PrintWriter out) {
        out.printf(
                "learnt from %,d system calls and %,d other flows in %.1f s: %,d events, %,d dropped%n",
                after.systemCalls() - before.systemCalls(), otherFlows(), seconds, events, dropped);
        Table table = new Table("", "KNOWN", "NEW", "UNSEEN");
        row(
                table,
                "functions",
                after.functions(),
                before.functions(),
                after.unseen().set());
        row(table, "edges", after.edges(), before.edges(), after.unseen().edge());
        row(table, "paths", after.paths(), before.paths(), after.unseen().path());
        table.print(out);
        printLosses(out, model.losses());
    }

    private long otherFlows() {
        return after.flows() - before.flows() - (after.systemCalls() - before.systemCalls());
    }

    private static void row(Table table, String what, int now, int before, double unseen) {
        table.row(what, "%,d".formatted(now), "%,d".formatted(now - before), percent(unseen));
    }

    /// What is not in a model, if anything, as text for people.
    static void printLosses(PrintWriter out, Losses losses) {
        if (losses.flows() > 0 || losses.events() > 0) {
            out.printf(
                    "left out: %,d flows of which something was missing (%,d events were lost in all)%n",
                    losses.flows(), losses.events());
        }
        if (losses.unknownCalls() > 0) {
            out.printf("left out: %,d calls to or from code of neither kernel nor modules%n", losses.unknownCalls());
        }
        if (losses.noRoom() > 0) {
            out.printf("left out: %,d calls that the model had no room for%n", losses.noRoom());
        }
    }

    /// As the object of the JSON contract. Of the model as it is now, but for `systemCalls`, `events`,
    /// `dropped`, `seconds` and `new`, which are of this run.
    public Map<String, Object> json() {
        return Json.object(
                "systemCalls", after.systemCalls() - before.systemCalls(),
                "events", events,
                "dropped", dropped,
                "functions", after.functions(),
                "edges", after.edges(),
                "paths", after.paths(),
                "unseen", unseen(after.unseen()),
                "unseenOfAll", unseen(after.unseenOfAll()),
                "new",
                        Json.object(
                                "functions", after.functions() - before.functions(),
                                "edges", after.edges() - before.edges(),
                                "paths", after.paths() - before.paths()),
                "leftOut", losses(model.losses()),
                "seconds", seconds);
    }

    static Map<String, Object> losses(Losses losses) {
        return Json.object(
                "events", losses.events(),
                "flows", losses.flows(),
                "unknownCalls", losses.unknownCalls(),
                "noRoom", losses.noRoom());
    }

    static Map<String, Object> unseen(Unseen unseen) {
        return Json.object(
                "set", unseen.of(Method.SET), "edge", unseen.of(Method.EDGE), "path", unseen.of(Method.PATH));
    }
}
