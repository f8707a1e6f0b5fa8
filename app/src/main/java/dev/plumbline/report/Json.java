package dev.plumbline.report;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.io.SerializedString;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;

/// JSON output from maps, lists, texts and numbers.
public final class Json {
    private static final JsonFactory FACTORY =
            // ASCII alone is the same in every encoding, and commands no terminal.
            JsonFactory.builder()
                    .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
                    .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
                    .build();

    private Json() {}

    /// An object whose fields keep their order.
    ///
    /// @param namesAndValues name, value, name, value …; a value may be `null`
    public static Map<String, Object> object(Object... namesAndValues) {
        Map<String, Object> fields = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            fields.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return fields;
    }

    /// An address as the JSON contract writes it.
    public static String hex(long address) {
        return "0x" + Long.toHexString(address);
    }

    /// Prints a value and ends the line.
    ///
    /// @param value a map, list, text, number, truth value or `null`, and the same within
    public static void print(PrintWriter out, Object value) {
        try (JsonGenerator generator = FACTORY.createGenerator(out)) {
            generator.setPrettyPrinter(new DefaultPrettyPrinter());
            write(generator, value);
        } catch (IOException e) {
            throw new UncheckedIOException("a PrintWriter keeps its faults to itself", e);
        }
        out.println();
    }

    /// A value in one line, without a line break.
    ///
    /// @param value as in [#print]
    public static String line(Object value) {
        StringWriter text = new StringWriter();
        try (JsonGenerator generator = FACTORY.createGenerator(text)) {
            write(generator, value);
        } catch (IOException e) {
            throw new UncheckedIOException("a StringWriter has no faults", e);
        }
        return text.toString();
    }

    /// A generator of JSON without line breaks of its own; closing it leaves `out` open.
    static JsonGenerator generator(PrintWriter out) {
        try {
            return FACTORY.createGenerator(out).setRootValueSeparator(new SerializedString(""));
        } catch (IOException e) {
            throw new UncheckedIOException("a PrintWriter keeps its faults to itself", e);
        }
    }

    static void write(JsonGenerator generator, Object value) throws IOException {
        switch (value) {
            case null -> generator.writeNull();
            case String text -> generator.writeString(text);
            case Integer number -> generator.writeNumber(number);
            case Long number -> generator.writeNumber(number);
            case Double number -> generator.writeNumber(number);
            case Boolean truth -> generator.writeBoolean(truth);
            case Map<?, ?> fields -> {
                generator.writeStartObject();
                for (Map.Entry<?, ?> field : fields.entrySet()) {
                    generator.writeFieldName((String) field.getKey());
                    write(generator, field.getValue());
                }
                generator.writeEndObject();
            }
            case Iterable<?> elements -> {
                generator.writeStartArray();
                for (Object element : elements) {
                    write(generator, element);
                }
                generator.writeEndArray();
            }
            default -> throw new IllegalArgumentException("no JSON is known for " + value.getClass());
        }
    }
}
