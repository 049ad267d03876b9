//! Bytes made safe for a log line or a terminal.

/// qmail-send's filter for text from outside (qmail-log(5)): a line end becomes `/`; `%`, blanks,
/// controls and bytes above 126 become `_`.
#[must_use]
pub fn log(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .map(|&byte| match byte {
            b'\n' => b'/',
            b'%' | ..=32 | 127.. => b'_',
            other => other,
        })
        .collect()
}

/// Bytes for a person to read: printable ASCII as it is, the rest as `?`.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| {
            if matches!(byte, 32..=126) {
                char::from(byte)
            } else {
                '?'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_becomes_a_slash_and_a_blank_an_underscore() {
        assert_eq!(log(b"did 1+0+0\n\x7f%\xff"), b"did_1+0+0/___");
    }

    #[test]
    fn a_terminal_sees_no_escape_sequence() {
        assert_eq!(shown(b"a\x1b[2Jb"), "a?[2Jb");
    }
}
