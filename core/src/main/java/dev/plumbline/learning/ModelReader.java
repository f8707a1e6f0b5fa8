package dev.plumbline.learning;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import java.util.function.ToIntFunction;

/// Reads a model from a database. Believes nothing: every number must be in range, and all together
/// must have the digest that was written with them.
final class ModelReader {
    private final Connection database;
    private final String file;
    private final ModelSchema.Digest digest = new ModelSchema.Digest();
    private final Map<Long, Integer> flows = new HashMap<>();
    private final Map<Long, Integer> contextsOfFlows = new HashMap<>();
    private ModelTables tables;

    /// @param file names the model in messages
    ModelReader(Connection database, String file) {
        this.database = database;
        this.file = file;
    }

    Model read() throws SQLException, ModelException {
        String expected = readModel();
        readContexts();
        readTexts(ModelSchema.SELECT_MODULES, name -> {
            tables.addModule(name);
            return tables.modules.size() - 1;
        });
        readTexts(ModelSchema.SELECT_NAMES, tables.names::findOrAdd);
        for (Method method : Method.values()) {
            readItems(method);
        }
        if (!digest.hex().equals(expected)) {
            throw damaged("its contents are not what was written");
        }
        return new Model(tables);
    }

    private ModelException damaged(String how) {
        return damaged(file, how, null);
    }

    static ModelException damaged(String file, String how, Throwable cause) {
        return new ModelException(file + " is damaged: " + how + "; restore it from a copy, or learn anew", cause);
    }

    private String readModel() throws SQLException, ModelException {
        try (Statement statement = database.createStatement();
                ResultSet row = statement.executeQuery(ModelSchema.SELECT_MODEL)) {
            if (!row.next()) {
                throw damaged("it says of no kernel that it is its model");
            }
            tables = new ModelTables(text(row, 1), text(row, 2), ModelLimits.DEFAULT);
            tables.calls = count(row, 3);
            tables.losses = new Losses(count(row, 4), count(row, 5), count(row, 6), count(row, 7));
            return String.valueOf(row.getString(8));
        }
    }

    private void readContexts() throws SQLException, ModelException {
        try (Statement statement = database.createStatement();
                ResultSet row = statement.executeQuery(ModelSchema.SELECT_CONTEXTS)) {
            while (row.next()) {
                int number = tables.contexts.size();
                verify(count(row, 1) == number);
                Context context = new Context(kind(text(row, 2)), text(row, 3));
                verify(tables.findOrAdd(context) == number);
                tables.flows[number] = count(row, 4);
                for (int method = 0; method < Method.COUNT; method++) {
                    tables.crowded[number * Method.COUNT + method] = count(row, 5 + method);
                }
            }
        }
    }

    private ContextKind kind(String name) throws ModelException {
        for (ContextKind kind : ContextKind.values()) {
            if (kind.name().equals(name)) {
                return kind;
            }
        }
        throw damaged("it has a context of no known kind");
    }

    /// @param add answers the number that a text has from now on
    private void readTexts(String select, ToIntFunction<String> add) throws SQLException, ModelException {
        try (Statement statement = database.createStatement();
                ResultSet row = statement.executeQuery(select)) {
            for (int number = 0; row.next(); number++) {
                verify(count(row, 1) == number && add.applyAsInt(text(row, 2)) == number);
            }
        }
    }

    private void readItems(Method method) throws SQLException, ModelException {
        ItemTable items = tables.items(method);
        try (Statement statement = database.createStatement();
                ResultSet row = statement.executeQuery(ModelSchema.select(method))) {
            while (row.next()) {
                int number = items.count();
                verify(count(row, ModelSchema.ID) == number);
                int context = number(row, ModelSchema.CONTEXT, tables.contexts.size());
                int function = number(row, ModelSchema.FUNCTION, tables.names.count());
                long calls = count(row, ModelSchema.CALLS);
                long flowCount = count(row, ModelSchema.FLOWS);
                long onlyIn = countOrNull(row, ModelSchema.ONLY_IN);
                verify(calls >= flowCount && flowCount > 0 && onlyIn >= 0 == (flowCount == 1));
                long key = key(method, row, context, function);
                verify(items.findOrAdd(key, context) == number);
                items.calls[number] = calls;
                if (method == Method.EDGE) {
                    items.ways[number] = (byte) number(row, ModelSchema.WAYS, LearntEdge.JUMPED * 2);
                }
                tables.show(method, number, onlyIn < 0 ? ItemTable.NONE : flow(onlyIn, context), flowCount);
            }
        }
    }

    private long key(Method method, ResultSet row, int context, int function) throws SQLException, ModelException {
        return switch (method) {
            case SET -> ModelTables.functionKey(context, function);
            case EDGE -> {
                int site = number(row, ModelSchema.FROM, tables.names.count());
                yield ModelTables.edgeKey(context, site, function);
            }
            case PATH -> {
                ItemTable paths = tables.items(Method.PATH);
                long parent = countOrNull(row, ModelSchema.FROM);
                verify(parent < paths.count() && (parent < 0 || paths.contexts[(int) parent] == context));
                int node = parent < 0 ? context : ModelTables.FIRST_NODE + (int) parent;
                yield ModelTables.pathKey(node, function);
            }
        };
    }

    private int flow(long number, int context) throws ModelException {
        Integer known = flows.get(number);
        if (known == null) {
            known = tables.novelty.flow(context);
            flows.put(number, known);
            contextsOfFlows.put(number, context);
        }
        verify(contextsOfFlows.get(number) == context);
        return known;
    }

    private String text(ResultSet row, int column) throws SQLException, ModelException {
        String text = row.getString(column);
        verify(text != null);
        digest.text(text);
        return text;
    }

    private int number(ResultSet row, int column, int end) throws SQLException, ModelException {
        long number = count(row, column);
        verify(number < end);
        return (int) number;
    }

    private long count(ResultSet row, int column) throws SQLException, ModelException {
        long number = row.getLong(column);
        verify(number >= 0 && !row.wasNull());
        digest.number(number);
        return number;
    }

    private long countOrNull(ResultSet row, int column) throws SQLException, ModelException {
        long number = row.getLong(column);
        long result = row.wasNull() ? -1 : number;
        verify(row.wasNull() || number >= 0);
        digest.number(result);
        return result;
    }

    private void verify(boolean makesSense) throws ModelException {
        if (!makesSense) {
            throw damaged("its tables make no sense");
        }
    }
}
