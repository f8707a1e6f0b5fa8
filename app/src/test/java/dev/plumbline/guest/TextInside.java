package dev.plumbline.guest;

import dev.plumbline.testbed.GuestShell;
import java.io.IOException;

/// All code of a kernel and its modules as the guest itself reads it, through /proc/kcore: an ELF core file, whose
/// program headers say where in it which addresses are.
final class TextInside {
    /// What is freed of a module once it is loaded has left kallsyms.
    private static final String SCRIPT = """
            set -e
            # The bytes of a word of 8 in the other order.
            reversed() { echo $1 | sed 's/../& /g' | awk '{ print $8 $7 $6 $5 $4 $3 $2 $1 }'; }
            address() { sed -n "s/ T $1$//p" /proc/kallsyms; }
            text=$(address _text)
            words() { hexdump -v -s 64 -n 4096 -e '8/1 "%02x" "\\n"' /proc/kcore; }
            word=$(words | grep -B 1 -x $(reversed $text) | head -n 1)
            offset=0x$(reversed $word)
            pages() {
                skip=$((($offset + 0x$1 - 0x$text) / 4096))
                count=$(((0x$2 - 0x$1 + 4095) / 4096))
                echo $1 $count $(dd if=/proc/kcore bs=4096 skip=$skip count=$count 2> /dev/null | md5sum)
            }
            pages $text $(address _etext)
            tr '\\t' ' ' < /proc/kallsyms | grep -E '^[0-9a-f]+ [tT] [^ ]+ \\[[a-z0-9]+' | grep -v ' \\[bpf\\]' | sort |
                awk '{ if (!($4 in first)) first[$4] = $1; last[$4] = $1 }
                    END { for (it in first) print substr(first[it], 1, 13), substr(last[it], 1, 13) }' | sort |
                while read -r first last; do
                    pages ${first}000 ${last}fff
                done
            """;

    private TextInside() {}

    /// A line for each piece of code: where it is, how many pages it has, and what is in them.
    static String of(GuestShell guest) throws IOException {
        return guest.execChecked(SCRIPT);
    }
}
