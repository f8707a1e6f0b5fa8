/// What a person or a program reads: aligned text and JSON. JSON is a contract: fields are added, never renamed;
/// counts are exact, addresses are hexadecimal strings.
///
/// May use every package of the library, and no driver.
package dev.plumbline.report;
