//! Text to tokens and back.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    let printed = print(&parse(text.as_bytes()).unwrap(), 80);
    assert_eq!(
        printed.escape_ascii().to_string(),
        expected.as_bytes().escape_ascii().to_string()
    );
}

#[test]
fn words_keep_one_space_and_signs_none() {
    check("To :  a   b@c . d", "To: a b@c.d\n");
    check("a<b>c", "a <b>c\n");
    check("g:a;b", "g: a;b\n");
    check("", "\n");
}

#[test]
fn comments_nest_and_lose_their_inner_parentheses() {
    check("a (b (c) d)", "a (b c d)\n");
    check("a (b\\)c)", "a (b\\)c)\n");
}

#[test]
fn quoting_is_kept_where_it_is_needed() {
    check("\"a \\\" b\"", "\"a \\\" b\"\n");
    check("\"ab\"", "\"ab\"\n");
    check("a\\b", "ab\n");
    check("a\\\\b", "\"a\\\\b\"\n");
    check("[1.2\\]]", "[1.2\\]]\n");
}

#[test]
fn bytes_beyond_ascii_are_quoted() {
    assert_eq!(print(&parse(b"j\xf6rg").unwrap(), 80), b"\"j\xf6rg\"\n");
}

#[test]
fn what_is_not_closed_is_refused() {
    for text in ["(a", "\"a", "[a", "a )", ")", "]", "\"a\\", "(a (b)"] {
        assert_eq!(parse(text.as_bytes()), Err(Unbalanced), "{text}");
    }
    assert_eq!(parse(b"a)"), Ok(vec![Token::Quoted(b"a)".to_vec())]));
    assert_eq!(parse(b"a\\"), Ok(vec![Token::Atom(b"a".to_vec())]));
}

#[test]
fn a_line_is_folded_after_a_comma_only() {
    let a = "a".repeat(36);
    let fits = format!("To: {a}, {}", "b".repeat(36));
    assert_eq!(fits.len(), 78);
    check(&fits, &format!("{fits}\n"));
    check(
        &format!("{fits}b"),
        &format!("To: {a},\n  {}b\n", "b".repeat(36)),
    );
    check(
        &format!("To: {}", "a".repeat(200)),
        &format!("To: {}\n", "a".repeat(200)),
    );
}

#[test]
fn a_continuation_counts_its_two_spaces() {
    let a = "a".repeat(78);
    let b = "b".repeat(36);
    check(
        &format!("{a}, {b}, {b}bb"),
        &format!("{a},\n  {b}, {b}bb\n"),
    );
    check(
        &format!("{a}, {b}, {b}bbb"),
        &format!("{a},\n  {b},\n  {b}bbb\n"),
    );
}

#[test]
fn a_comma_at_the_end_stays_on_its_line() {
    check("a,", "a,\n");
    check(
        &format!("{},", "a".repeat(100)),
        &format!("{},\n", "a".repeat(100)),
    );
}

#[test]
fn an_envelope_has_neither_quotes_nor_comments() {
    let tokens = parse(b"\"a b\"(c)@[1.2.3.4]").unwrap();
    assert_eq!(unquote(&tokens), b"a b@[1.2.3.4]");
}

fn tokens() -> impl Strategy<Value = Vec<Token>> {
    let text = || proptest::collection::vec(any::<u8>(), 0..8);
    proptest::collection::vec(
        prop_oneof![
            "[a-z0-9+-]{1,8}".prop_map(|atom| Token::Atom(atom.into_bytes())),
            text().prop_map(Token::Quoted),
            text().prop_map(Token::Literal),
            text().prop_map(Token::Comment),
            Just(Token::At),
            Just(Token::Dot),
            Just(Token::Comma),
            Just(Token::Left),
            Just(Token::Right),
            Just(Token::Colon),
            Just(Token::Semicolon),
        ],
        0..20,
    )
}

proptest! {
    #[test]
    fn tokens_written_out_are_read_back(tokens in tokens(), width in 0usize..100) {
        prop_assert_eq!(parse(&print(&tokens, width)).unwrap(), tokens);
    }

    #[test]
    fn no_text_breaks_the_parser(text in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = parse(&text);
    }
}
