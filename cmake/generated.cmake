# The man page and the shell completion, written by the program itself from its table of commands.
set(HF_MAN_PAGE ${CMAKE_BINARY_DIR}/holdfast.1)
set(HF_BASH_COMPLETION ${CMAKE_BINARY_DIR}/holdfast.bash)

add_custom_command(
  OUTPUT ${HF_MAN_PAGE}
  COMMAND holdfast --generate man > ${HF_MAN_PAGE}
  DEPENDS holdfast VERBATIM)
add_custom_command(
  OUTPUT ${HF_BASH_COMPLETION}
  COMMAND holdfast --generate bash-completion > ${HF_BASH_COMPLETION}
  DEPENDS holdfast VERBATIM)
add_custom_target(generated ALL DEPENDS ${HF_MAN_PAGE} ${HF_BASH_COMPLETION})

install(FILES ${HF_MAN_PAGE} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${HF_BASH_COMPLETION}
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME holdfast)
