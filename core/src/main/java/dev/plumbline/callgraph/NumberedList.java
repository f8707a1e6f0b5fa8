package dev.plumbline.callgraph;

import java.util.AbstractList;
import java.util.Objects;
import java.util.RandomAccess;
import java.util.function.IntFunction;

/// Things that are made from their number when they are asked for. As immutable as what makes them.
final class NumberedList<T> extends AbstractList<T> implements RandomAccess {
    private final int start;
    private final int size;
    private final IntFunction<T> maker;

    /// @param start the first number
    /// @param end behind the last number
    NumberedList(int start, int end, IntFunction<T> maker) {
        this.start = start;
        this.size = end - start;
        this.maker = maker;
    }

    @Override
    public T get(int index) {
        return maker.apply(start + Objects.checkIndex(index, size));
    }

    @Override
    public int size() {
        return size;
    }
}
