package dev.plumbline.learning;

/// A node of a calling context tree: a function that was seen to run below a chain of callers.
///
/// @param parent the place of the caller's node in the list this is from, which is before this one's; -1
///   for outermost functions
/// @param function as [dev.plumbline.extraction.FlowNames#function] names it
/// @param calls how often
/// @param flows in how many flows
public record LearntPath(int parent, String function, long calls, long flows) {}
