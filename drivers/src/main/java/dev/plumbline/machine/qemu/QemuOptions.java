package dev.plumbline.machine.qemu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// What a QEMU command line says that matters here (QEMU's manual page, sections on -name, -qmp, -chardev and
/// -mon).
///
/// An option's value is a list of `KEY=VALUE` set apart by commas, where `,,` stands for a comma; the key of
/// the first may be left out.
///
/// @param name the guest's name, if it was given one
/// @param qmpSockets the unix-domain sockets on which QEMU serves QMP
record QemuOptions(Optional<String> name, List<QmpSocket> qmpSockets) {

    /// Where QEMU serves QMP: at a path, or on a descriptor that it was started with, as libvirt does it.
    sealed interface QmpSocket {
        /// @param path as on the command line, maybe relative to QEMU's directory
        record AtPath(String path) implements QmpSocket {}

        /// @param descriptor its number in the QEMU process
        record Inherited(String descriptor) implements QmpSocket {}
    }

    static QemuOptions parse(List<String> arguments) {
        String name = null;
        List<QmpSocket> sockets = new ArrayList<>();
        Map<String, QmpSocket> chardevs = new HashMap<>();
        List<String> controlMonitors = new ArrayList<>();
        for (int i = 1; i + 1 < arguments.size(); i++) {
            String value = arguments.get(i + 1);
            switch (option(arguments.get(i))) {
                case "-name" -> name = properties(value, "guest").get("guest");
                case "-qmp", "-qmp-pretty" -> legacyMonitor(value).ifPresent(sockets::add);
                case "-chardev" -> chardev(properties(value, "backend"), chardevs);
                case "-mon" -> monitor(properties(value, "chardev"), controlMonitors);
                default -> {
                    continue;
                }
            }
            i++;
        }
        controlMonitors.stream().map(chardevs::get).filter(Objects::nonNull).forEach(sockets::add);
        return new QemuOptions(Optional.ofNullable(name), List.copyOf(sockets));
    }

    private static String option(String argument) {
        return argument.startsWith("--") ? argument.substring(1) : argument;
    }

    private static Optional<QmpSocket> legacyMonitor(String value) {
        if (!value.startsWith("unix:")) {
            return Optional.empty();
        }
        return socket(properties(value.substring("unix:".length()), "path"));
    }

    private static void chardev(Map<String, String> properties, Map<String, QmpSocket> chardevs) {
        if ("socket".equals(properties.get("backend")) && properties.containsKey("id")) {
            socket(properties).ifPresent(socket -> chardevs.put(properties.get("id"), socket));
        }
    }

    private static void monitor(Map<String, String> properties, List<String> controlMonitors) {
        if ("control".equals(properties.get("mode")) && properties.containsKey("chardev")) {
            controlMonitors.add(properties.get("chardev"));
        }
    }

    private static Optional<QmpSocket> socket(Map<String, String> properties) {
        if (!isOn(properties, "server")) {
            return Optional.empty();
        }
        if (properties.containsKey("fd")) {
            return Optional.of(new QmpSocket.Inherited(properties.get("fd")));
        }
        return Optional.ofNullable(properties.get("path")).map(QmpSocket.AtPath::new);
    }

    private static boolean isOn(Map<String, String> properties, String key) {
        return List.of("on", "yes", "true", "y").contains(properties.getOrDefault(key, "off"));
    }

    private static Map<String, String> properties(String value, String firstKey) {
        Map<String, String> properties = new LinkedHashMap<>();
        String implied = firstKey;
        for (String part : value.replace(",,", "\0").split(",")) {
            String text = part.replace('\0', ',');
            int equals = text.indexOf('=');
            if (equals > 0) {
                properties.put(text.substring(0, equals), text.substring(equals + 1));
            } else {
                // A later word without a value is a flag, such as `server`.
                properties.put(implied == null ? text : implied, implied == null ? "on" : text);
            }
            implied = null;
        }
        return properties;
    }
}
