//! The attribute `#[isolation::test]`. The crate `isolation` exports and describes it.

use proc_macro::TokenStream;
use proc_macro2::Span;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, ItemFn, LitBool, LitStr, Result, Token, bracketed};

/// The arguments of the attribute.
#[derive(Default)]
struct Arguments {
    engines: Vec<LitStr>,
    image: Option<Expr>,
    spec: Option<Expr>,
    shared: bool,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            match name.to_string().as_str() {
                "engines" => {
                    input.parse::<Token![=]>()?;
                    let list;
                    bracketed!(list in input);
                    let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
                    arguments.engines = names.into_iter().collect();
                }
                "image" => {
                    input.parse::<Token![=]>()?;
                    arguments.image = Some(input.parse()?);
                }
                "spec" => {
                    input.parse::<Token![=]>()?;
                    arguments.spec = Some(input.parse()?);
                }
                "shared" if input.peek(Token![=]) => {
                    input.parse::<Token![=]>()?;
                    arguments.shared = input.parse::<LitBool>()?.value;
                }
                "shared" => arguments.shared = true,
                other => {
                    let text =
                        format!("unknown argument `{other}`; the arguments are engines, image, spec, shared");
                    return Err(Error::new(name.span(), text));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

/// Makes an async function a test that gets an environment. See `isolation::test`.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = syn::parse(arguments).and_then(|arguments| expand(&arguments, syn::parse(item)?));
    expanded.unwrap_or_else(Error::into_compile_error).into()
}

fn expand(arguments: &Arguments, mut function: ItemFn) -> Result<proc_macro2::TokenStream> {
    if function.sig.asyncness.is_none() || function.sig.inputs.len() != 1 {
        let text = "the function must be `async` and have one argument, the environment";
        return Err(Error::new_spanned(&function.sig, text));
    }
    let name = std::mem::replace(&mut function.sig.ident, Ident::new("body", Span::call_site()));
    let attributes = std::mem::take(&mut function.attrs);
    let image = arguments
        .image
        .as_ref()
        .map_or(quote!(None), |image| quote!(Some(#image)));
    let spec = match &arguments.spec {
        Some(spec) => quote!(#spec),
        None => quote!(::isolation::EnvironmentSpec::default()),
    };
    let shared = arguments.shared;
    let auto = [LitStr::new("auto", Span::call_site())];
    let engines = match arguments.engines.as_slice() {
        [] => &auto[..],
        engines => engines,
    };
    let tests = engines.iter().map(|engine| {
        let test = function_name(engine)?;
        Ok(quote! {
            #(#attributes)*
            #[::core::prelude::v1::test]
            fn #test() {
                ::isolation::testing::run(#engine, #image, #shared, #spec, |environment| {
                    ::std::boxed::Box::pin(body(environment))
                });
            }
        })
    });
    let tests = tests.collect::<Result<Vec<_>>>()?;
    Ok(quote! {
        mod #name {
            use super::*;

            #function

            #(#tests)*
        }
    })
}

/// The name of the test for an engine.
fn function_name(engine: &LitStr) -> Result<Ident> {
    let name = engine.value().replace('-', "_");
    syn::parse_str::<Ident>(&name).map_err(|_| {
        let text = format!("{:?} is not the name of an engine", engine.value());
        Error::new(engine.span(), text)
    })
}
