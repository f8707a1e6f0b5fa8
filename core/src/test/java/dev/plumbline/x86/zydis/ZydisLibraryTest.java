package dev.plumbline.x86.zydis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.plumbline.x86.zydis.ZydisLibrary.Loading;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ZydisLibraryTest {
    @Test
    void theInstalledLibraryIsVersion4() throws ZydisUnavailableException {
        assertThat(ZydisLibrary.load().version()).matches("4\\.[01]\\.\\d+");
    }

    @Test
    void aMissingLibraryNamesThePackageToInstall() {
        assertThat(ZydisLibrary.tryNames(List.of("libZydis.so.none", "/nowhere/libZydis.so")))
                .isEqualTo(new Loading.Failed(
                        "decoder library Zydis not found; install the Debian package libzydis4.0 or libzydis4.1"));
    }

    @Test
    void anotherLibraryIsNotTakenForZydis() {
        assertThat(ZydisLibrary.tryNames(List.of("libc.so.6")))
                .isEqualTo(new Loading.Failed("library libc.so.6 is not Zydis 4; install the Debian package"
                        + " libzydis4.0 or libzydis4.1"));
    }

    @Test
    void onlyVersions40And41AreAccepted() {
        assertThat(version(4, 0)).isInstanceOf(Loading.Loaded.class);
        assertThat(version(4, 1)).isInstanceOf(Loading.Loaded.class);
        assertThat(version(3, 2)).isInstanceOf(Loading.Failed.class);
        assertThat(version(4, 2)).isInstanceOf(Loading.Failed.class);
        assertThat(version(5, 0)).isInstanceOf(Loading.Failed.class);
    }

    private static Loading version(long major, long minor) {
        return ZydisLibrary.checkedVersion("libZydis.so", name -> Optional.empty(), major << 48 | minor << 32);
    }
}
