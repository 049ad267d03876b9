//! The form with many lines.

use crate::value::without_trailing_blanks;

/// Every line without trailing blanks, except empty ones and those that begin with `#`.
pub(crate) fn lines(content: &[u8]) -> Vec<Vec<u8>> {
    content
        .split(|b| *b == b'\n')
        .map(without_trailing_blanks)
        .filter(|line| !line.is_empty() && line.first() != Some(&b'#'))
        .map(<[u8]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, expected: &[&str]) {
        let shown = lines(content.as_bytes());
        assert_eq!(
            shown,
            expected
                .iter()
                .map(|l| l.as_bytes().to_vec())
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn comments_and_empty_lines_are_skipped() {
        check("a\n\n#b\n \t\nc  \n", &["a", "c"]);
        check("a\nb", &["a", "b"]);
        check("", &[]);
    }

    #[test]
    fn blanks_and_signs_inside_a_line_stay() {
        check(" a # b\r\n #c\n", &[" a # b\r", " #c"]);
    }

    proptest::proptest! {
        #[test]
        fn lines_written_out_are_read_back(
            written in proptest::collection::vec("[a-z:.@][ -~]{0,8}[a-z]", 0..8)
        ) {
            let content = written.iter().map(|l| format!("{l}\n")).collect::<String>();
            let expected: Vec<_> = written.iter().map(|l| l.as_bytes().to_vec()).collect();
            proptest::prop_assert_eq!(lines(content.as_bytes()), expected);
        }
    }
}
