//! qmail-popup(8): who is let through, and what the checker gets.

use harness::home::Home;
use harness::run::Run;

/// A home with a checker that says what it got, and then what it finds on descriptor 0.
fn home() -> Home {
    let home = Home::new();
    home.replace_program(
        "checker",
        "#!/bin/sh\nprintf 'got '\ntr '\\000' '~' <&3\nprintf ' args %s\\r\\n' \"$*\"\ncat\n\
         [ \"$DIE\" ] && kill -9 $$\nexit ${CODE:-0}\n",
    );
    home
}

fn popup<'a>(home: &'a Home, client: &str) -> Run<'a> {
    let run = home.program("qmail-popup");
    run.args(["pop.example", "checker", "sub", "arg"])
        .stdin(client)
}

/// The lines after the greeting, whose text becomes `@`.
#[track_caller]
fn lines(run: Run<'_>) -> Vec<String> {
    let done = run.output();
    done.assert_exit(1);
    let text = done.stdout_text();
    let greeting = text.lines().next().expect("a greeting");
    let unique = greeting.strip_prefix("+OK ").expect("+OK").to_owned();
    assert!(unique.starts_with(&format!("<{}.", done.pid)), "{unique}");
    assert!(unique.ends_with("@pop.example>"), "{unique}");
    let rest = text.replace(&unique, "@");
    rest.split("\r\n")
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn check(client: &str, expected: &[&str]) {
    assert_eq!(lines(popup(&home(), client)), expected, "{client:?}");
}

#[test]
fn the_checker_gets_name_password_and_greeting() {
    check(
        "USER joe\r\nPASS secret\r\n",
        &["+OK ", "got joe~secret~@~ args sub arg"],
    );
    check(
        "user joe user\r\nPass  sec ret \r\n",
        &["+OK ", "got joe user~sec ret ~@~ args sub arg"],
    );
    check(
        "USER a\r\nUSER b\nPASS c\n",
        &["+OK ", "+OK ", "got b~c~@~ args sub arg"],
    );
    check("APOP joe abcdef\r\n", &["got joe~abcdef~@~ args sub arg"]);
}

#[test]
fn nothing_else_may_be_said_before() {
    let first = "-ERR authorization first";
    check(
        "STAT\r\nRETR 1\r\n\r\nSTLS\r\nQUIT\r\n",
        &[first, first, first, first, "+OK "],
    );
    check("PASS x\r\nNOOP\r\n", &["-ERR USER first", "+OK "]);
    let syntax = "-ERR syntax error";
    check(
        "USER\r\nUSER \r\nAPOP joe\r\nUSER joe\r\nPASS\r\n",
        &[syntax, syntax, syntax, "+OK ", syntax],
    );
    check(
        "USER a\0b\r\nPASS x\r\n",
        &["+OK ", "-ERR authorization failed"],
    );
}

/// "Nothing that the client sends behind the line that logs it in is read"
#[test]
fn what_is_sent_ahead_reaches_the_subprogram() {
    check(
        "USER joe\r\nPASS x\r\nSTAT\r\nQUIT\r\n",
        &["+OK ", "got joe~x~@~ args sub arg", "STAT", "QUIT"],
    );
}

#[test]
fn whoever_is_not_let_through_is_told() {
    let home = home();
    let login = "USER joe\r\nPASS x\r\n";
    for (code, text) in [
        ("1", "-ERR authorization failed"),
        ("111", "-ERR authorization failed"),
    ] {
        assert_eq!(
            lines(popup(&home, login).env("CODE", code))
                .last()
                .expect("a line"),
            text
        );
    }
    let crashed = lines(popup(&home, login).env("DIE", "1"));
    assert_eq!(crashed.last().expect("a line"), "-ERR aack, child crashed");
    let run = home
        .program("qmail-popup")
        .args(["pop.example", "/nonexistent"]);
    assert_eq!(
        lines(run.stdin(login)),
        ["+OK ", "-ERR authorization failed"]
    );
    home.replace_program("deaf", "#!/bin/sh\nexec 3<&-\nexit 1\n");
    let run = home.program("qmail-popup").args(["pop.example", "deaf"]);
    assert_eq!(
        lines(run.stdin(login)),
        ["+OK ", "-ERR authorization failed"]
    );
}

#[test]
fn a_wrong_call_says_how() {
    let home = home();
    for args in [&[][..], &["pop.example"]] {
        let done = home.program("qmail-popup").args(args).output();
        done.assert_exit(1);
        assert_eq!(
            done.stdout_text(),
            "-ERR usage: popup hostname subprogram\r\n"
        );
    }
}

/// "A line may have 511 bytes, 100 commands may be sent"
#[test]
fn a_client_that_does_not_end_is_ended() {
    let long = format!("USER {}\r\nQUIT\r\n", "a".repeat(10 << 20));
    check(&long, &["-ERR command line too long"]);
    let fits = format!("USER {}\r\nQUIT\r\n", "a".repeat(505));
    check(&fits, &["+OK ", "+OK "]);
    let over = format!("USER {}\r\nQUIT\r\n", "a".repeat(507));
    check(&over, &["-ERR command line too long"]);
    let flood = lines(popup(&home(), &"NOOP\r\n".repeat(1000)));
    assert_eq!(flood.len(), 101);
    assert_eq!(flood.last().expect("a line"), "-ERR too many commands");
}
