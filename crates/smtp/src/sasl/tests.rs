//! Exchanges from the standards and from clients that do not keep to them.

use super::*;

/// The questions asked, decoded, and the end.
fn exchange(
    mechanism: Mechanism,
    initial: Option<&str>,
    answers: &[&str],
) -> (Vec<String>, Result<Credentials, SaslError>) {
    let mut asked = Vec::new();
    let mut answers = answers.iter();
    let mut progress = Exchange::begin(mechanism, initial.map(str::as_bytes), b"<1.2@mx>");
    loop {
        match progress {
            Err(error) => return (asked, Err(error)),
            Ok(Progress::Complete(credentials)) => return (asked, Ok(credentials)),
            Ok(Progress::Ask(question, exchange)) => {
                asked.push(String::from_utf8(decode(&question).unwrap()).unwrap());
                progress = exchange.answer(answers.next().expect("another answer").as_bytes());
            }
        }
    }
}

#[track_caller]
fn check(mechanism: Mechanism, initial: Option<&str>, answers: &[&str], expected: (&str, &str)) {
    let (_, end) = exchange(mechanism, initial, answers);
    let found = end.unwrap();
    assert_eq!(
        (found.user.as_slice(), found.secret.as_slice()),
        (expected.0.as_bytes(), expected.1.as_bytes())
    );
}

#[track_caller]
fn check_error(mechanism: Mechanism, initial: Option<&str>, answers: &[&str], error: SaslError) {
    assert_eq!(
        exchange(mechanism, initial, answers).1,
        Err(error),
        "{initial:?} {answers:?}"
    );
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(encode(bytes)).unwrap()
}

#[test]
fn plain_says_all_at_once_or_after_an_empty_question() {
    let message = text(b"\0tim\0tanstaaftanstaaf");
    let tim = ("tim", "tanstaaftanstaaf");
    check(Mechanism::Plain, Some(&message), &[], tim);
    check(Mechanism::Plain, None, &[&message], tim);
    assert_eq!(exchange(Mechanism::Plain, None, &[&message]).0, [""]);
    check(
        Mechanism::Plain,
        Some(&text(b"tim\0tim\0x")),
        &[],
        ("tim", "x"),
    );
    check(Mechanism::Plain, Some(&text(b"\0tim\0")), &[], ("tim", ""));
}

#[test]
fn plain_wants_three_parts_and_one_person() {
    for message in [
        &b""[..],
        b"tim",
        b"tim\0x",
        b"\0tim\0x\0",
        b"\0\0x",
        b"\0\0\0\0",
    ] {
        check_error(
            Mechanism::Plain,
            Some(&text(message)),
            &[],
            SaslError::Malformed,
        );
    }
    check_error(Mechanism::Plain, Some("="), &[], SaslError::Malformed);
    let other = text(b"root\0tim\0x");
    check_error(
        Mechanism::Plain,
        Some(&other),
        &[],
        SaslError::OtherIdentity,
    );
}

#[test]
fn login_asks_for_name_and_password() {
    let (asked, end) = exchange(Mechanism::Login, None, &["dGlt", "eA=="]);
    assert_eq!(asked, ["Username:", "Password:"]);
    assert_eq!(end.unwrap().secret, b"x");
    check(Mechanism::Login, Some("dGlt"), &["eA=="], ("tim", "x"));
    check_error(Mechanism::Login, Some("="), &["eA=="], SaslError::Malformed);
    check_error(
        Mechanism::Login,
        None,
        &["AA==", "eA=="],
        SaslError::Malformed,
    );
}

/// The example of RFC 2195, with our challenge.
#[test]
fn cram_md5_gives_name_hash_and_challenge() {
    let answer = text(b"tim b913a602c7eda7a495b4e6e7334d3890");
    let (asked, end) = exchange(Mechanism::CramMd5, None, &[&answer]);
    assert_eq!(asked, ["<1.2@mx>"]);
    let credentials = end.unwrap();
    assert_eq!(
        credentials.checkpassword().unwrap(),
        b"tim\0b913a602c7eda7a495b4e6e7334d3890\0<1.2@mx>\0"
    );
    check(
        Mechanism::CramMd5,
        None,
        &[&text(b"t i m B913A602C7EDA7A495B4E6E7334D3890")],
        ("t i m", "B913A602C7EDA7A495B4E6E7334D3890"),
    );
    for wrong in [
        &b"tim"[..],
        b"tim b913",
        b"tim g913a602c7eda7a495b4e6e7334d3890",
        b"",
    ] {
        check_error(
            Mechanism::CramMd5,
            None,
            &[&text(wrong)],
            SaslError::Malformed,
        );
    }
    check_error(Mechanism::CramMd5, Some("eA=="), &[], SaslError::Malformed);
}

#[test]
fn a_star_gives_up_and_anything_else_must_be_base64() {
    for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5] {
        check_error(mechanism, None, &["*"], SaslError::Cancelled);
        for line in [
            "MAIL FROM:<a@b>",
            "eA",
            "eA=",
            "e===",
            "====",
            "eA==eA==",
            "eB==",
            "eA==\r",
            "**",
        ] {
            check_error(mechanism, None, &[line], SaslError::Malformed);
        }
    }
}

#[test]
fn mechanisms_are_known_in_any_case() {
    assert_eq!(Mechanism::parse(b"cram-md5"), Some(Mechanism::CramMd5));
    assert_eq!(Mechanism::parse(b"PLAIN"), Some(Mechanism::Plain));
    assert_eq!(Mechanism::parse(b"login"), Some(Mechanism::Login));
    assert_eq!(Mechanism::parse(b"GSSAPI"), None);
    assert_eq!(Mechanism::parse(b""), None);
}

#[test]
fn a_secret_is_not_shown_and_too_much_of_it_not_passed_on() {
    let credentials = |length: usize| Credentials {
        user: b"tim".to_vec(),
        secret: vec![b's'; length],
        challenge: Vec::new(),
    };
    assert_eq!(format!("{:?}", credentials(5)), "credentials of tim");
    assert!(credentials(506).checkpassword().is_some());
    assert!(credentials(507).checkpassword().is_none());
}

#[test]
fn the_vectors_of_the_standard() {
    for (bytes, letters) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(encode(bytes.as_bytes()), letters.as_bytes());
        assert_eq!(
            decode(letters.as_bytes()).as_deref(),
            Some(bytes.as_bytes())
        );
    }
}

proptest::proptest! {
    #[test]
    fn what_is_encoded_is_decoded(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
        proptest::prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
    }

    #[test]
    fn any_bytes_get_an_answer(lines in proptest::collection::vec(
        proptest::collection::vec(proptest::num::u8::ANY, 0..60), 3)) {
        for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5] {
            let mut progress = Exchange::begin(mechanism, None, b"<1@mx>");
            for line in &lines {
                progress = match progress {
                    Ok(Progress::Ask(_, exchange)) => exchange.answer(line),
                    other => other,
                };
            }
            if let Ok(Progress::Complete(found)) = progress {
                proptest::prop_assert!(!found.user.is_empty() && !found.secret.contains(&0));
            }
        }
    }
}
