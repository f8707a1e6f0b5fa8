package dev.plumbline.machine.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.plumbline.machine.GuestException;
import org.junit.jupiter.api.Test;

class StopReplyTest {
    @Test
    void tellsReasonAndVcpu() throws GuestException {
        assertThat(StopReply.parse("T05thread:0a;")).isEqualTo(new StopReply(true, 10));
        assertThat(StopReply.parse("T02thread:01;")).isEqualTo(new StopReply(false, 1));
    }

    @Test
    void theProcessThatGdbHasAskedForIsPassedOver() throws GuestException {
        assertThat(StopReply.parse("T05thread:p01.02;")).isEqualTo(new StopReply(true, 2));
    }

    @Test
    void whatIsNoStopIsRefused() {
        assertThatThrownBy(() -> StopReply.parse("T05thread:p01;"))
                .isInstanceOf(GuestException.class)
                .hasMessageContaining("this version is not supported");
    }
}
