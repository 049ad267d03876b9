//! qmail-header(5): tokens, address lists, the fields of a header.

use header::field::{Fields, Line, Name};
use header::{Defaults, Token, list, token};

/// What is printed reads as the same tokens, in lines of any width.
pub fn tokens(data: &[u8]) {
    let Ok(tokens) = token::parse(data) else {
        return;
    };
    assert!(token::unquote(&tokens).len() <= data.len() + 2 * tokens.len());
    // A backslash can put into an atom what ends one; the original prints it bare, and so must we.
    if tokens.iter().any(holds_what_ends_an_atom) {
        return;
    }
    for width in [1, 78, usize::MAX / 2] {
        let printed = token::print(&tokens, width);
        assert_eq!(token::parse(&printed).as_ref(), Ok(&tokens));
        assert_eq!(printed.last(), Some(&b'\n'));
    }
}

fn holds_what_ends_an_atom(token: &Token) -> bool {
    let ends = |byte: &u8| b" \t\r\n<>;:@,.".contains(byte);
    matches!(token, Token::Atom(bytes) if bytes.is_empty() || bytes.iter().any(ends))
}

/// Nothing is lost from a list or put into it but commas, no address changes its place (a comment
/// may: it goes behind the address that it stood before or in), and what came out of one pass is what the
/// next one sees. A completed address has a host with a dot.
pub fn list(data: &[u8]) {
    let Ok(field) = token::parse(&[b"To:", data].concat()) else {
        return;
    };
    let mut addresses = Vec::new();
    let Ok(rewritten) = list::rewrite(field.clone(), |address| addresses.push(address.clone()))
    else {
        return;
    };
    assert_eq!(addressing(&rewritten), addressing(&field));
    assert_eq!(comments(&rewritten), comments(&field));
    let mut again = Vec::new();
    let second = list::rewrite(rewritten.clone(), |address| again.push(address.clone()));
    assert_eq!(second, Ok(rewritten));
    assert_eq!(again, addresses);
    let defaults = Defaults::new(b"host", b"domain.example", b"plus.example");
    let defaults = defaults.expect("plain names");
    for mut address in addresses {
        defaults.complete(&mut address);
        check_complete(&address);
    }
}

fn addressing(tokens: &[Token]) -> Vec<&Token> {
    let is_other = |token: &&Token| matches!(token, Token::Comma | Token::Comment(_));
    tokens.iter().filter(|token| !is_other(token)).collect()
}

fn comments(tokens: &[Token]) -> Vec<&Token> {
    let is_comment = |token: &&Token| matches!(token, Token::Comment(_));
    tokens.iter().filter(is_comment).collect()
}

#[track_caller]
fn check_complete(address: &[Token]) {
    if address.is_empty() {
        return;
    }
    let at = address.iter().rposition(|token| *token == Token::At);
    let host = &address[at.expect("an address has a host")..];
    let has_dot = |token: &Token| matches!(token, Token::Dot | Token::Literal(_));
    assert!(host.iter().any(has_dot), "{address:?}");
}

/// The header and the body are the input, line by line; a field that begins with a name has it.
pub fn fields(data: &[u8]) {
    let mut fields = Fields::new();
    let mut header = Vec::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end + 1);
        rest = after;
        match fields.add(line) {
            Line::Header => header.extend_from_slice(line),
            Line::Body(begin) => {
                let plain = begin == line && line == b"\n";
                assert!(plain || begin == [b"\n", line].concat());
                break;
            }
        }
    }
    let mut again = Vec::new();
    for field in fields.into_fields() {
        assert!(header::field::name(&field).is_some());
        assert_eq!(field.last(), Some(&b'\n'));
        check_unfolded(&field);
        let is_mbox_line = field.starts_with(b"MBOX-Line: From ");
        let own = field.strip_prefix(b"MBOX-Line: ").filter(|_| is_mbox_line);
        again.extend_from_slice(own.unwrap_or(&field));
    }
    let named: &[u8] = b"MBOX-Line: From ";
    if !header.windows(named.len()).any(|window| window == named) {
        assert_eq!(again, header);
    }
}

/// A field is one field for every reader: each further line begins with a blank.
#[track_caller]
fn check_unfolded(field: &[u8]) {
    let inner = field.strip_suffix(b"\n").unwrap_or(field);
    for line in inner.split(|byte| *byte == b'\n').skip(1) {
        assert!(matches!(line.first(), Some(b' ' | b'\t')));
    }
    if let Some(Name::Bcc | Name::ResentBcc) = Name::of(field) {
        let name = header::field::name(field).expect("it has one");
        assert!(name.to_ascii_lowercase().ends_with(b"bcc"));
    }
}
