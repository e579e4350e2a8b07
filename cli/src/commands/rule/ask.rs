//! Questions to a person. On a terminal `inquire` asks them; a test answers from a script.

use std::io::IsTerminal;

use inquire::{Confirm, InquireError, Select, Text};

/// The person wants no more, or cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Escape or Ctrl-C.
    Person,
    /// The terminal failed.
    Terminal(String),
}

/// Asks a person. Whoever implements it asks once and takes any answer; what is wrong is asked again by the caller.
pub(super) trait Prompter {
    /// One of several; its position.
    fn choose(&mut self, question: &str, help: &str, options: &[String]) -> Result<usize, Stop>;
    /// A line; Enter alone takes what is proposed.
    fn text(&mut self, question: &str, help: &str, proposed: &str) -> Result<String, Stop>;
    /// Yes or no.
    fn confirm(&mut self, question: &str, proposed: bool) -> Result<bool, Stop>;
    /// Says something between the questions.
    fn say(&mut self, text: &str);
}

/// Asks until the answer can be used; what is wrong with it is said.
pub(super) fn until_right<T>(
    ask: &mut dyn Prompter,
    (question, help, proposed): (&str, &str, &str),
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Stop> {
    loop {
        let answer = ask.text(question, help, proposed)?;
        match read(answer.trim()) {
            Ok(value) => return Ok(value),
            Err(why) => ask.say(&why),
        }
    }
}

/// Whether there is somebody to ask: questions are read from stdin and shown on stderr.
pub(super) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// The terminal.
pub(super) struct Terminal;

impl Prompter for Terminal {
    fn choose(&mut self, question: &str, help: &str, options: &[String]) -> Result<usize, Stop> {
        let select = Select::new(question, options.to_vec()).with_page_size(12);
        let select = if help.is_empty() { select.without_help_message() } else { select.with_help_message(help) };
        select.raw_prompt().map(|chosen| chosen.index).map_err(stop)
    }

    fn text(&mut self, question: &str, help: &str, proposed: &str) -> Result<String, Stop> {
        let text = Text::new(question);
        let text = if proposed.is_empty() { text } else { text.with_default(proposed) };
        let text = if help.is_empty() { text } else { text.with_help_message(help) };
        text.prompt().map_err(stop)
    }

    fn confirm(&mut self, question: &str, proposed: bool) -> Result<bool, Stop> {
        Confirm::new(question).with_default(proposed).prompt().map_err(stop)
    }

    fn say(&mut self, text: &str) {
        crate::commands::say(text);
    }
}

fn stop(error: InquireError) -> Stop {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => Stop::Person,
        other => Stop::Terminal(other.to_string()),
    }
}

#[cfg(test)]
pub(super) mod script {
    //! A person who knows beforehand what to answer.

    use std::collections::VecDeque;

    use super::{Prompter, Stop};

    /// Answers by what the question says: `("which device", "exhaust")`. An answer to a choice is a part of the option.
    pub(crate) struct Script {
        pub(crate) answers: VecDeque<(&'static str, &'static str)>,
        pub(crate) said: Vec<String>,
    }

    impl Script {
        pub(crate) fn new(answers: &[(&'static str, &'static str)]) -> Script {
            Script { answers: answers.iter().copied().collect(), said: Vec::new() }
        }

        /// The next answer, which must be for this question.
        fn next(&mut self, question: &str) -> Result<&'static str, Stop> {
            let (expected, answer) = self.answers.pop_front().ok_or(Stop::Person)?;
            assert!(question.contains(expected), "asked '{question}', the script answers '{expected}'");
            Ok(answer)
        }
    }

    impl Prompter for Script {
        fn choose(&mut self, question: &str, _: &str, options: &[String]) -> Result<usize, Stop> {
            let answer = self.next(question)?;
            let found = options.iter().position(|option| option.contains(answer));
            Ok(found.unwrap_or_else(|| panic!("'{question}' offers no '{answer}': {options:?}")))
        }

        fn text(&mut self, question: &str, _: &str, proposed: &str) -> Result<String, Stop> {
            let answer = self.next(question)?;
            Ok(if answer.is_empty() { proposed } else { answer }.to_owned())
        }

        fn confirm(&mut self, question: &str, proposed: bool) -> Result<bool, Stop> {
            let answer = self.next(question)?;
            Ok(if answer.is_empty() { proposed } else { answer == "yes" })
        }

        fn say(&mut self, text: &str) {
            self.said.push(text.to_owned());
        }
    }
}
