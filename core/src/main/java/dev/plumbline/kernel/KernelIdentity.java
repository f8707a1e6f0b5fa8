package dev.plumbline.kernel;

/// Which kernel this is.
///
/// @param banner what /proc/version says, without the line end
/// @param buildId the linker's build id in lower-case hexadecimal: the same for each boot of one build
/// @param bootMark 16 hexadecimal digits that differ between boots with practical certainty, made of what the kernel
///   chooses at random when it boots
public record KernelIdentity(String banner, String buildId, String bootMark) {

    /// The release as `uname -r` prints it.
    public String release() {
        String[] words = banner.split(" ", 4);
        return words.length > 2 ? words[2] : banner;
    }
}
