# How the code looks, checked by programs. Registered as tests so that one run says everything.
function(hf_quality name)
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS quality SKIP_RETURN_CODE ${skip} TIMEOUT 900)
endfunction()

set(quality ${CMAKE_CURRENT_SOURCE_DIR}/quality)
hf_quality(clang-format ${quality}/format)
hf_quality(clang-tidy ${quality}/tidy ${CMAKE_BINARY_DIR})
hf_quality(include-direction ${quality}/include_direction)
hf_quality(scripts ${quality}/scripts)
set_tests_properties(clang-tidy PROPERTIES PROCESSORS 2)
