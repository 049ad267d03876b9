//! "so does a line for each decision": what stands in it, and that nobody outside can write one.

use harness::client::Client;
use harness::programs;

use crate::smtp_dialogue::{Dialogue, OPENING};

/// The log of one session with this client.
fn log(dialogue: &Dialogue, client: &[u8]) -> Vec<String> {
    let output = dialogue.server().env("SMTPDLOG", "").stdin(client).output();
    let text = output.stderr_text();
    text.lines().map(str::to_owned).collect()
}

/// The words of a line without process numbers and times.
fn words(line: &str) -> String {
    let is_stable = |word: &&str| !word.starts_with("qp=") && word.parse::<u32>().is_err();
    let words: Vec<&str> = line.split(' ').filter(is_stable).collect();
    let text = words.join(" ");
    match text.split_once(" reply=250_ok_") {
        Some((before, _)) => format!("{before} reply=250_ok_"),
        None => text,
    }
}

#[test]
fn an_accepted_message_is_one_line() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let client = [
        b"EHLO me\r\n",
        OPENING,
        b"Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n",
    ]
    .concat();
    let lines = log(&dialogue, &client);
    let [line] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert_eq!(
        words(line),
        "qmail-smtpd: accept client=192.0.2.7 host=client.example ehlo=me from=<s@h> to=<r@local.example> \
         rcpts=1 bytes=17 reply=250_ok_"
    );
    // The number by which the client and qmail-send's log know the message.
    let qp = line.split(' ').find_map(|word| word.strip_prefix("qp="));
    assert!(
        line.ends_with(&format!("_qp_{}", qp.expect("qp"))),
        "{line}"
    );
}

#[test]
fn a_refusal_says_of_what_and_why() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    dialogue.home.control("databytes", "1000\n");
    let lines = log(
        &dialogue,
        b"HELO me\r\nMAIL FROM:<s@h> SIZE=2000\r\nMAIL FROM:<>\r\nRCPT TO:<r@no.example>\r\nRCPT TO:<r@local.example>\r\n\
          XYZ\r\nDATA\r\na\rb\r\n.\r\nMAIL FROM:<s@h>\r\nRCPT TO:<r@local.example>\r\nDATA\r\na\n",
    );
    let lines: Vec<String> = lines.iter().map(|line| words(line)).collect();
    let begin = "client=192.0.2.7 host=client.example helo=me";
    assert_eq!(
        lines,
        [
            format!(
                "qmail-smtpd: reject {begin} mail=FROM:<s@h>_SIZE=2000 \
                 reply=552_sorry,_that_message_size_exceeds_my_databytes_limit_(#5.3.4)"
            ),
            format!(
                "qmail-smtpd: reject {begin} from=<> rcpt=TO:<r@no.example> \
                 reply=553_sorry,_that_domain_isn\\'t_in_my_list_of_allowed_rcpthosts_(#5.7.1)"
            ),
            format!(
                "qmail-smtpd: reject {begin} from=<> to=<r@local.example> rcpts=1 bytes=4 \
                 reply=550_sorry,_this_message_has_a_CR_without_LF_(#5.6.0)"
            ),
            format!("qmail-smtpd: hangup {begin} reason=the_client_sends_a_bare_LF"),
        ]
    );
}

#[test]
fn a_queue_that_cannot_now_is_a_deferral() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::with_queue("#!/bin/sh\necho 53 >>\"$RECORD/codes\"\nexit 53\n");
    let lines = log(&dialogue, &[OPENING, b".\r\nQUIT\r\n"].concat());
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" defer client="), "{lines:?}");
    assert!(
        lines[0].ends_with(" reply=451_qq_write_error_or_disk_full_(#4.3.0)"),
        "{lines:?}"
    );
}

#[test]
fn nothing_a_client_sends_can_look_like_another_value_or_line() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let client = b"EHLO a verdict=accept\x1b[2J%n\xff\r\n\
        MAIL FROM:<\"x qp=1 user=root\"@h>\r\n\
        RCPT TO:<r@no.example user=root\xc2\x85>\r\nRCPT TO:<r@local.example>\r\nDATA\r\n.\r\nQUIT\r\n";
    let server = dialogue
        .server()
        .env("SMTPDLOG", "")
        .env("TCPREMOTEHOST", "h\nqmail-smtpd: 1 accept")
        .env("TCPREMOTEIP", "1.2.3.4 user=root");
    let text = server.stdin(client).output().stderr_text();
    assert_eq!(text.lines().count(), 2, "{text}");
    for line in text.lines() {
        assert!(line.starts_with("qmail-smtpd: "), "{text}");
        assert!(line.bytes().all(|byte| matches!(byte, 32..=126)), "{text}");
        let names: Vec<&str> = line
            .split(' ')
            .skip(3)
            .map(|word| word.split('=').next().expect("a name"))
            .collect();
        let known = [
            "client", "host", "ehlo", "from", "to", "rcpt", "rcpts", "qp", "bytes", "reply",
        ];
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
        assert_eq!(names.iter().filter(|name| **name == "user").count(), 0);
    }
}

#[test]
fn a_line_is_bounded_whatever_there_is_to_say() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let long = "x".repeat(850);
    let rcpts = format!("RCPT TO:<{long}@local.example>\r\n").repeat(100);
    let client =
        format!("EHLO {long}{long}\r\nMAIL FROM:<{long}@h>\r\n{rcpts}DATA\r\n.\r\nQUIT\r\n");
    let lines = log(&dialogue, client.as_bytes());
    assert_eq!(lines.len(), 1);
    assert!(lines[0].len() < 2500, "{}", lines[0].len());
    assert!(lines[0].contains(" rcpts=100 "), "{}", lines[0]);
}

/// The original says nothing there, and under inetd descriptor 2 is the client.
#[test]
fn it_is_off_unless_asked_for_and_never_on_a_socket() {
    if !programs::ours() {
        return;
    }
    let dialogue = Dialogue::new();
    let client = [OPENING, b".\r\nQUIT\r\n"].concat();
    let quiet = dialogue.server().stdin(&client).output();
    assert_eq!(quiet.stderr_text(), "");
    dialogue.home.control("smtpdlog", "1\n");
    let told = dialogue.server().stdin(&client).output();
    assert!(
        told.stderr_text().contains(" accept "),
        "{}",
        told.stderr_text()
    );
    dialogue.home.control("smtpdlog", "0\n");
    assert_eq!(dialogue.server().stdin(&client).output().stderr_text(), "");
    let mut command = dialogue.server().env("SMTPDLOG", "").into_command();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("socketpair");
    command.stderr(std::os::fd::OwnedFd::from(theirs));
    let mut session = Client::spawn(command);
    session.send(&client);
    session.rest();
    session.wait();
    ours.set_nonblocking(true).expect("fcntl");
    let mut said = [0; 100];
    // Either nothing yet or the end: the other side was closed without a word.
    assert!(!matches!(
        std::io::Read::read(&mut &ours, &mut said),
        Ok(1..)
    ));
}
