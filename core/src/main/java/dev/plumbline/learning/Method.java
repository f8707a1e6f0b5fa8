package dev.plumbline.learning;

/// The three methods of learning. A new function makes a new edge and a new path.
public enum Method {
    /// Which functions ran.
    SET,
    /// Which place called which function.
    EDGE,
    /// Which function ran below which chain of callers: the nodes of a calling context tree.
    PATH;

    /// How many there are.
    static final int COUNT = 3;
}
