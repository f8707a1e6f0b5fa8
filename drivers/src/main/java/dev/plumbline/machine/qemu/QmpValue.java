package dev.plumbline.machine.qemu;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A value of a QMP message. A part that is not there is a value too, an absent one, so that what a message
/// lacks shows where the value is used. Immutable.
///
/// Read with Jackson's streaming parser alone: its data binding takes longer to start than all of an attach.
public final class QmpValue {
    private static final JsonFactory JSON = new JsonFactory();
    private static final QmpValue ABSENT = new QmpValue(null);

    private final Object value;

    private QmpValue(Object value) {
        this.value = value;
    }

    /// @throws IOException if it is not one JSON value; nesting and lengths are bounded by the parser's defaults
    static QmpValue parse(byte[] json) throws IOException {
        try (JsonParser parser = JSON.createParser(json)) {
            parser.nextToken();
            QmpValue value = value(parser);
            if (parser.nextToken() != null) {
                throw new IOException("more than one JSON value");
            }
            return value;
        }
    }

    /// A QMP command as text.
    static String command(String name, long id, Map<String, ?> arguments) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(text)) {
            json.writeStartObject();
            json.writeStringField("execute", name);
            json.writeNumberField("id", id);
            json.writeObjectFieldStart("arguments");
            for (Map.Entry<String, ?> argument : arguments.entrySet()) {
                json.writeFieldName(argument.getKey());
                json.writeObject(argument.getValue());
            }
            json.writeEndObject();
            json.writeEndObject();
        }
        return text.toString();
    }

    /// The member of that name, absent if there is none or this is no object.
    public QmpValue get(String name) {
        return value instanceof Map<?, ?> members && members.get(name) instanceof QmpValue member ? member : ABSENT;
    }

    /// The elements, none if this is no array.
    public List<QmpValue> elements() {
        List<QmpValue> elements = new ArrayList<>();
        if (value instanceof List<?> list) {
            list.forEach(element -> elements.add((QmpValue) element));
        }
        return elements;
    }

    /// Whether there is such a value; null counts as absent.
    public boolean isPresent() {
        return value != null;
    }

    /// Whether this is an object.
    public boolean isObject() {
        return value instanceof Map<?, ?>;
    }

    /// Whether this is a string.
    public boolean isText() {
        return value instanceof String;
    }

    /// The string, empty if this is none.
    public String text() {
        return value instanceof String text ? text : "";
    }

    /// The whole number, 0 if this is none.
    public long number() {
        return value instanceof Long number ? number : 0;
    }

    /// Whether this is true.
    public boolean isTrue() {
        return Boolean.TRUE.equals(value);
    }

    private static QmpValue value(JsonParser parser) throws IOException {
        JsonToken token = parser.currentToken();
        return switch (token) {
            case START_OBJECT -> object(parser);
            case START_ARRAY -> array(parser);
            case VALUE_STRING -> new QmpValue(parser.getText());
            case VALUE_NUMBER_INT -> new QmpValue(parser.getBigIntegerValue().longValue());
            case VALUE_NUMBER_FLOAT -> new QmpValue(parser.getDoubleValue());
            case VALUE_TRUE -> new QmpValue(true);
            case VALUE_FALSE -> new QmpValue(false);
            case VALUE_NULL -> ABSENT;
            case null, default -> throw new IOException("no JSON value");
        };
    }

    private static QmpValue object(JsonParser parser) throws IOException {
        Map<String, QmpValue> members = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String name = parser.currentName();
            parser.nextToken();
            members.put(name, value(parser));
        }
        return new QmpValue(members);
    }

    private static QmpValue array(JsonParser parser) throws IOException {
        List<QmpValue> elements = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            elements.add(value(parser));
        }
        return new QmpValue(elements);
    }
}
