#![doc = include_str!("../COMING-FROM.md")]
