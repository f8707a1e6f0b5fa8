package dev.plumbline.monitoring;

import java.util.Optional;

/// A kernel that has neither modules nor code of its own making.
final class NoOtherCode implements EdgeComparison.OwnCode {
    @Override
    public Optional<String> generated(long address) {
        return Optional.empty();
    }

    @Override
    public Optional<String> module(long address) {
        return Optional.empty();
    }

    @Override
    public Optional<String> otherModule(long address, String module) {
        return Optional.empty();
    }

    @Override
    public boolean isGone(long address) {
        return false;
    }
}
