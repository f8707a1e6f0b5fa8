package dev.plumbline.guest;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.provider.ArgumentsSource;
import org.junit.jupiter.params.support.AnnotationConsumer;
import org.junit.jupiter.params.support.ParameterDeclarations;

/// The guests that a parameterized test is for, as rows of its arguments: kernel, vCPUs and what else it takes. All of
/// them are booted where the system property `plumbline.guests` is `all`, as by `./verify all`; else the first ones, so
/// that `./verify` takes minutes. Each of both kernels and numbers of vCPUs is among the first ones of some test of
/// each part of Plumbline.
@Target({ElementType.METHOD, ElementType.TYPE})
@Retention(RetentionPolicy.RUNTIME)
@ArgumentsSource(OnGuests.Rows.class)
@interface OnGuests {
    /// Whether all guests are booted, and what takes long is done as often as it should.
    boolean ALL = "all".equals(System.getProperty("plumbline.guests"));

    /// Rows, with commas between the arguments.
    String[] value();

    /// How many of them are always booted.
    int first() default 1;

    /// Makes arguments of the rows.
    final class Rows implements ArgumentsProvider, AnnotationConsumer<OnGuests> {
        private OnGuests guests;

        @Override
        public void accept(OnGuests annotation) {
            guests = annotation;
        }

        @Override
        public Stream<? extends Arguments> provideArguments(
                ParameterDeclarations parameters, ExtensionContext context) {
            return Arrays.stream(guests.value())
                    .limit(ALL ? Integer.MAX_VALUE : guests.first())
                    .map(row -> Arguments.of((Object[]) row.split(" *, *")));
        }
    }
}
