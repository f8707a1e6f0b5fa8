package dev.plumbline.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.kernel.LinuxKernel;
import dev.plumbline.kernel.Task;
import dev.plumbline.testbed.RunningCommand;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Tasks are as the guest's `ps` and /proc show them. The guest is asked before and after: what it shows both times
/// must be found, and what is found must be shown one of these times.
interface TasksContract {
    GuestUnderTest guest();

    @Test
    default void processesAreThoseOfPs() throws Exception {
        Map<Integer, String> before = guest().says().processes();
        List<Task> found = guest().read(LinuxKernel::tasks).stream()
                .filter(Task::isProcess)
                .toList();
        Map<Integer, String> after = guest().says().processes();
        assertThat(found)
                .allSatisfy(task -> assertThat(
                                isName(task.comm(), after.getOrDefault(task.pid(), before.get(task.pid()))))
                        .isTrue());
        before.keySet().retainAll(after.keySet());
        assertThat(found).extracting(Task::pid).containsAll(before.keySet());
    }

    @Test
    default void tasksAreThoseOfProc() throws Exception {
        compareTasks(guest());
    }

    @Test
    default void hundredsOfThreadsAreAllFound() throws Exception {
        try (RunningCommand _ = guest().startUntilReady("many-threads 20 15")) {
            List<Task> tasks = compareTasks(guest());
            assertThat(tasks)
                    .filteredOn(task -> task.comm().matches("many-\\d+-\\d+"))
                    .hasSize(20 * 14);
            assertThat(tasks)
                    .filteredOn(task -> task.comm().matches("many-\\d+"))
                    .hasSize(20)
                    .allMatch(Task::isProcess);
        }
    }

    static List<Task> compareTasks(GuestUnderTest guest) throws Exception {
        Map<Integer, GuestSays.Task> before = guest.says().tasks();
        List<Task> found = guest.read(LinuxKernel::tasks);
        Map<Integer, GuestSays.Task> after = guest.says().tasks();
        List<String> wrong = new ArrayList<>();
        for (Task task : found) {
            GuestSays.Task shown = after.getOrDefault(task.pid(), before.get(task.pid()));
            if (shown == null || shown.tgid() != task.tgid() || !isName(task.comm(), shown.comm())) {
                wrong.add(task + " is " + shown);
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(found).extracting(Task::pid).doesNotHaveDuplicates();
        before.keySet().retainAll(after.keySet());
        assertThat(found).extracting(Task::pid).containsAll(before.keySet());
        return found;
    }

    /// Behind a worker's name the guest shows what it works at; of other kernel threads it shows the whole name, of
    /// which a task has the first 15 characters.
    private static boolean isName(String comm, String shown) {
        if (shown == null || shown.equals(comm)) {
            return shown != null;
        }
        boolean isDescribed =
                comm.startsWith("kworker/") && (shown.startsWith(comm + "-") || shown.startsWith(comm + "+"));
        return isDescribed || comm.length() == 15 && shown.startsWith(comm);
    }
}
